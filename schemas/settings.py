"""Runtime settings: ``sensorium.yaml`` and ``SENSORIUM_…`` variables, in one typed tree.

A variable names its key with ``__`` between the levels: ``SENSORIUM_KAFKA__BOOTSTRAP``. Variables
win over the file. An unknown key or variable is an error; secrets print as ``**********``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from schemas.addresses import REDIS_PATTERN, check_ports, check_redis_url, mask_url
from schemas.errors import SettingsError
from schemas.spelling import Spelling
from schemas.strict import Strict
from schemas.validation import explain, shown
from schemas.yaml_text import YamlProblem, read_yaml

PREFIX = "SENSORIUM_"
CONFIG_VARIABLE = "SENSORIUM_CONFIG"
#: Read by the test-suite only, to find recordings; not a setting.
_NOT_SETTINGS = frozenset({CONFIG_VARIABLE, "SENSORIUM_SHARED"})


class KafkaSettings(Strict):
    """Where the broker is and how to talk to it."""

    bootstrap: Annotated[
        str,
        Spelling(
            r"^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$",
            "host:port, or several with commas and no spaces between them",
        ),
        AfterValidator(check_ports),
    ] = "127.0.0.1:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    #: Apache Kafka refuses less than 6 s; only the embedded broker takes 2 s.
    session_timeout_ms: int = Field(default=10_000, ge=1_000, le=300_000)
    fetch_max_wait_ms: int = Field(default=50, ge=1, le=5_000)
    commit_interval_ms: int = Field(default=500, ge=10, le=60_000)
    #: Replicas of a topic that ``sensorium topics create`` makes.
    replication_factor: int = Field(default=1, ge=1, le=9)

    @model_validator(mode="after")
    def _sasl_complete(self) -> KafkaSettings:
        if self.security_protocol.startswith("SASL") and not (
            self.sasl_mechanism and self.sasl_username and self.sasl_password
        ):
            raise ValueError(
                f"security_protocol {self.security_protocol} needs sasl_mechanism, sasl_username "
                "and sasl_password"
            )
        return self


class RedisSettings(Strict):
    """Where Redis (or Valkey) is; ``rediss://`` for TLS, ACL user by ``username``."""

    url: Annotated[
        str,
        WithJsonSchema({"type": "string", "pattern": REDIS_PATTERN}),
        AfterValidator(check_redis_url),
    ] = "redis://127.0.0.1:6379/0"
    username: str | None = None
    password: SecretStr | None = None
    ssl_cafile: Path | None = None
    timeout_ms: int = Field(default=5_000, ge=100, le=60_000)


class WorkerSettings(Strict):
    """One worker process."""

    device: Literal["cpu", "cuda", "auto"] = "auto"
    #: Torch threads; 0 takes one, which was measured to be fastest for the shipped small models.
    threads: int = Field(default=0, ge=0, le=256)
    web_host: str = "127.0.0.1"
    #: 0 takes a free port, named in the log.
    web_port: int = Field(default=6066, ge=0, le=65_535)
    #: A chunk handed to the domain at once.
    chunk_records: int = Field(default=1_000, ge=1, le=10_000)
    chunk_bytes: int = Field(default=2_000_000, ge=10_000, le=256_000_000)
    #: A window handed out and not published by then is handed out again.
    lease_ms: int = Field(default=30_000, ge=1_000, le=600_000)
    tick_interval_ms: int = Field(default=100, ge=10, le=10_000)
    #: Due windows that make reading wait until fusion has caught up.
    max_due_windows: int = Field(default=1_000, ge=1, le=1_000_000)
    #: Folder of the registry: ``<name>/<version>/`` with ``model.json``. It need not be there.
    models: Path = Path("models")
    #: How often the registry is asked which version is active.
    model_poll_ms: int = Field(default=2_000, ge=50, le=3_600_000)
    #: Threads that decode; 0 takes the cores that torch leaves, at least one and at most eight.
    decode_threads: int = Field(default=0, ge=0, le=64)
    #: Samples of one input that may wait for decoding and encoding. Beyond it an input whose
    #: ``overload`` drops does so; the reading of one that waits goes on when there is room.
    max_queued_samples: int = Field(default=4_000, ge=1, le=1_000_000)
    #: Longest wait of a sample or window for others to share its batch, unless the pipeline's
    #: ``model.max_delay`` says another.
    max_batch_delay_ms: int = Field(default=2, ge=0, le=1_000)


class LogSettings(Strict):
    """Structured logs on standard error; never a payload."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "text"


class Settings(Strict):
    """Everything that a process is told from outside, apart from its pipeline file."""

    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    worker: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()

    def masked(self) -> dict[str, Any]:
        """The tree for printing: secrets and a password inside the Redis URL are masked."""
        tree = self.model_dump(mode="json")
        tree["redis"]["url"] = mask_url(self.redis.url)
        return tree


#: Keys of values that are, or may hold, a secret.
_SECRET = (("kafka", "sasl_password"), ("redis", "password"), ("redis", "url"))


def _from_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in _NOT_SETTINGS:
            continue
        *groups, leaf = name[len(PREFIX) :].lower().split("__")
        node = tree
        for group in groups:
            node = cast(dict[str, Any], node.setdefault(group, {}))
            if not isinstance(node, dict):
                raise SettingsError(f"{name}: {group!r} is both a value and a group of values")
        node[leaf] = value
    return tree


def _from_file(path: Path) -> dict[str, Any]:
    try:
        tree, _ = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); name an existing file with --config or "
            f"{CONFIG_VARIABLE}"
        ) from None
    except YamlProblem as wrong:
        raise SettingsError(wrong.at(path)) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: expected UTF-8 text, got other bytes") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"{path}: expected keys such as 'kafka:', got a {type(tree).__name__}")
    return tree


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        if isinstance(value, dict) and old is not None:
            # A value where a group belongs stays, for the validation to name it.
            out[key] = _merged(old, value) if isinstance(old, dict) else old
        else:
            out[key] = value
    return out


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from a file (or the one that ``SENSORIUM_CONFIG`` names) and from variables.

    Raises ``SettingsError`` with one line that names the key, what was expected and what came.
    """
    environ = os.environ if environ is None else environ
    if path is None and (named := environ.get(CONFIG_VARIABLE)):
        path = Path(named)
    from_file = _from_file(path) if path is not None else {}
    from_variables = _from_variables(environ)
    try:
        return Settings.model_validate(_merged(from_file, from_variables))
    except ValidationError as error:
        problem = explain(error, Settings, _shown)[0]
        variable = PREFIX + "__".join(str(part).upper() for part in problem.path)
        source = variable if _has(from_variables, problem.path) else f"{path}: {problem.key}"
        raise SettingsError(f"{source}: {problem.message}") from None


def _shown(path: tuple[str | int, ...], value: object) -> str:
    """What a message repeats of a value: nothing of one that is, or may hold, a secret, nor of
    text that somebody gave where a group of keys belongs.
    """
    if path in _SECRET or (len(path) == 1 and isinstance(value, (str, list))):
        return "a value that is not repeated here, as it may hold a secret"
    return shown(path, value)


def _has(tree: object, path: tuple[str | int, ...]) -> bool:
    for part in path:
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return True
