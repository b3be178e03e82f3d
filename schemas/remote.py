"""What a pipeline file says of a model behind a server: where it is, how patiently it is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from schemas.inputs import Name
from schemas.spelling import Spelling
from schemas.strict import Strict
from schemas.units import Duration

#: Name of an environment variable.
Variable = Annotated[
    str,
    # Whoever writes another text may have written the key itself, which is not repeated.
    Spelling(
        r"^[A-Za-z_][A-Za-z0-9_]{0,127}$",
        "the name of an environment variable that holds the key, got another text",
    ),
]
Label = Annotated[
    str,
    Spelling(r"^\S(.{0,62}\S)?$", "1 to 64 characters on one line, with no space at either end"),
]

#: Schemes of a server's URL, by protocol; the second is the one with TLS.
SCHEMES = {"http": ("http", "https"), "grpc": ("grpc", "grpcs")}


class RemoteCall(Strict):
    """How every kind of remote model is asked.

    A call that takes longer than ``timeout`` or fails in a way that may pass is tried again up to
    ``retries`` times, each time after twice as long a pause. After ``breaker_failures`` calls in a
    row that were not answered the server is left alone for ``breaker_pause``.
    """

    url: str
    timeout: Duration = timedelta(seconds=5)
    retries: int = Field(default=2, ge=0, le=10)
    #: Calls that may be under way at the same time.
    concurrency: int = Field(default=4, gt=0, le=256)
    breaker_failures: int = Field(default=3, gt=0, le=1_000)
    breaker_pause: Duration = timedelta(seconds=10)
    #: The environment variable that holds the key sent as a bearer token; a key never stands in
    #: the file.
    api_key_env: Variable | None = None

    @field_validator("timeout", "breaker_pause")
    @classmethod
    def _passes(cls, value: timedelta) -> timedelta:
        if value <= timedelta(0):
            raise ValueError("expected more than 0s")
        return value


class KserveRemote(RemoteCall):
    """A server of the Open Inference Protocol (KServe v2): Triton, KServe, OpenVINO, …

    It holds the graphs that ``model.json`` describes, under the names that stand there with
    ``model`` and a dash before them: ``<model>-encode-video``, …, ``<model>-fuse``.
    ``version``: of every graph; the server's choice without one.
    """

    kind: Literal["kserve"]
    protocol: Literal["http", "grpc"] = "http"
    model: str = Field(min_length=1)
    version: str | None = None

    @model_validator(mode="after")
    def _url(self) -> KserveRemote:
        _check_url(self.url, SCHEMES[self.protocol])
        return self


class ChatRemote(RemoteCall):
    """A large multimodal model behind an OpenAI-compatible endpoint: vLLM, SGLang, …

    ``url`` ends where ``/chat/completions`` is added: ``http://127.0.0.1:8000/v1``. The windows of
    a pipeline are asked one chat request each.
    """

    kind: Literal["chat"]
    model: str = Field(min_length=1)
    #: What the model is told to judge, before the tasks and labels are listed.
    prompt: str = Field(min_length=1, max_length=20_000)
    #: Task -> labels; each task's probabilities are asked for.
    tasks: dict[Name, tuple[Label, ...]] = Field(min_length=1)
    #: The inputs that are sent; all without it.
    inputs: tuple[Name, ...] | None = None
    max_tokens: int = Field(default=512, gt=0, le=32_768)
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    timeout: Duration = timedelta(seconds=30)
    #: Frames and stills of one window; more are thinned out evenly over its time.
    max_frames: int = Field(default=8, ge=0, le=256)
    #: Longer side of a frame as sent; a larger one is shrunk and compressed again.
    max_frame_px: int = Field(default=512, ge=16, le=4_096)
    #: Audio of one window; what is over it, the oldest, is left out.
    max_audio: Duration = timedelta(seconds=30)
    #: Characters of text of one window; what is over it, the oldest, is left out.
    max_text_chars: int = Field(default=20_000, gt=0, le=1_000_000)

    @model_validator(mode="after")
    def _consistent(self) -> ChatRemote:
        _check_url(self.url, SCHEMES["http"])
        for task, labels in self.tasks.items():
            if len(set(labels)) < 2 or len(set(labels)) < len(labels):
                raise ValueError(
                    f"tasks.{task}: expected two different labels or more, got {', '.join(labels)}"
                )
        return self


def _check_url(url: str, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(url)
        there = parts.hostname and not any(letter.isspace() for letter in url)
        named = parts.scheme in schemes and there and (parts.port is None or parts.port)
    except ValueError:
        named = None
    if not named:
        # What came is not repeated: it may hold a password.
        wanted = " or ".join(f"{scheme}://host:port" for scheme in schemes)
        raise ValueError(f"url: expected {wanted}, got another text")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "url: expected no user, password or query in it; a key is named by api_key_env"
        )


Remote = Annotated[KserveRemote | ChatRemote, Field(discriminator="kind")]
