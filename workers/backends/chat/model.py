"""A model that is asked one chat request a window."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from schemas.remote import ChatRemote
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.asking import Asker
from workers.backends.chat.answer import read_answer
from workers.backends.chat.parts import to_part
from workers.backends.chat.request import chat_request
from workers.backends.http import HttpServer
from workers.backends.secrets import bearer
from workers.errors import ModelError, RemoteError, RequestRefused

#: Of what ``encode`` makes; grows when its form changes.
_FORM = "sensorium-chat-1"
#: Answers kept for calls that are made again; a few hundred bytes each.
_MAX_KEPT = 4_096
#: The reason in a result of a window that the server refuses.
_REFUSED = "request_refused"


class _Listed(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Listed]


class ChatModel:
    """``workers.backends.base.Model`` behind an OpenAI-compatible endpoint.

    ``encode`` only hands on what ``decode`` made ready: a window's samples go to the server when
    it is fused. The same window may be answered a little differently each time it is asked, unless
    the server computes alike in every batch.
    """

    def __init__(self, name: str, rules: ChatRemote) -> None:
        """``name``: how results name it. Raises ``ModelError``: a package or the key is missing."""
        self._name = name
        self._rules = rules
        told = msgspec.json.encode(
            rules.model_dump(mode="json", include=_ASKED), order="deterministic"
        )
        self._ref = ModelRef(name, rules.model, hashlib.sha256(told).hexdigest())
        kept = (_FORM, rules.inputs and sorted(rules.inputs), rules.max_frame_px)
        self._features = hashlib.sha256(msgspec.json.encode(kept)).hexdigest()
        self._http = HttpServer(rules, bearer(name, rules))
        self._asker = Asker(self._http.name, rules)
        self._pool = ThreadPoolExecutor(rules.concurrency, "chat")
        #: digest of a request -> its answer, from calls of which another part was not answered
        self._kept: dict[bytes, Fusion] = {}
        self._keeping = threading.Lock()

    @property
    def ref(self) -> ModelRef:
        """The version is the server's name of the model; the digest that of what it is asked."""
        return self._ref

    @property
    def modalities(self) -> Collection[Modality]:
        """All but points, which cannot be put into a message; with them where ``inputs`` tells
        which are sent: the pipeline file is refused where points are among those.
        """
        points = self._rules.inputs is not None
        return [each for each in Modality if points or each is not Modality.POINTS]

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """Task -> labels, as in the pipeline file."""
        return self._rules.tasks

    @property
    def features(self) -> str:
        """Digest of which inputs are kept, and of their form."""
        return self._features

    @property
    def lanes(self) -> int:
        """Batches at the same time; their requests share ``concurrency``."""
        return min(4, self._rules.concurrency)

    def decode(self, sample: Sample) -> bytes | BadSample:
        """See ``to_part``. Raises nothing for any input."""
        return to_part(sample, self._rules)

    def encode(self, modality: Modality, decoded: Sequence[bytes]) -> list[bytes]:
        """The parts as they are."""
        del modality
        return list(decoded)

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """A window that the server refuses has a failure in place of an answer.

        Raises ``RemoteError`` where one was not answered. The answers to the others are kept for
        the next call: they would cost as much again.
        """
        asked = self._ask_each(windows)
        unanswered = [
            answer
            for _, answer in asked
            if isinstance(answer, RemoteError) and not isinstance(answer, RequestRefused)
        ]
        if unanswered:
            self._keep(asked)
            raise unanswered[0]
        return [
            answer if isinstance(answer, Fusion) else Fusion({}, {}, failure=_REFUSED)
            for _, answer in asked
        ]

    def fuse_each(self, windows: Sequence[Window]) -> list[Fusion | RemoteError]:
        """An answer for each window, or why there is none."""
        return [answer for _, answer in self._ask_each(windows)]

    def check(self) -> None:
        """Look whether the server has the model, where it lists those it has.

        Raises ``ModelError`` where it has others, ``RemoteError`` where it does not answer.
        """
        try:
            body = self._asker.ask(lambda: self._http.get("models")).body
            listed = {each.id for each in msgspec.json.decode(body, type=_Models).data}
        except RemoteError as error:
            if error.retriable:
                raise
            return  # an endpoint need not list its models
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        if self._rules.model not in listed:
            raise ModelError(
                self._name,
                f"{self._http.name} has no model {self._rules.model!r}, it has {sorted(listed)}",
            )

    def warm(self, max_batch: int) -> None:
        """Ask once, without samples. Raises as ``fuse`` does."""
        del max_batch
        self.fuse([Window(0, "", 0, 1_000_000, (), {}, 0)])

    def close(self) -> None:
        """Let requests under way end, ask no more."""
        self._asker.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._http.close()

    def _ask_each(self, windows: Sequence[Window]) -> list[tuple[bytes, Fusion | RemoteError]]:
        """The digest of each window's request, and what came of it."""
        return list(self._pool.map(self._answer, windows))

    def _answer(self, window: Window) -> tuple[bytes, Fusion | RemoteError]:
        body = msgspec.json.encode(chat_request(window, self._rules))
        digest = hashlib.sha256(body).digest()
        with self._keeping:
            kept = self._kept.pop(digest, None)
        if kept is not None:
            return digest, kept
        try:
            return digest, self._asker.ask(lambda: self._ask(body))
        except RemoteError as error:
            return digest, error

    def _keep(self, asked: Sequence[tuple[bytes, Fusion | RemoteError]]) -> None:
        with self._keeping:
            self._kept |= {d: answer for d, answer in asked if isinstance(answer, Fusion)}
            while len(self._kept) > _MAX_KEPT:
                del self._kept[next(iter(self._kept))]

    def _ask(self, body: bytes) -> Fusion:
        answer = self._http.post("chat/completions", body, {"content-type": "application/json"})
        try:
            return Fusion(read_answer(answer.body, self._rules.tasks), {})
        except ValueError as error:
            raise RemoteError(self._http.name, str(error)) from None


#: What an answer depends on; where the server is and how patiently it is asked is none of it.
_ASKED = {
    "model",
    "prompt",
    "tasks",
    "inputs",
    "max_tokens",
    "temperature",
    "max_frames",
    "max_frame_px",
    "max_audio",
    "max_text_chars",
}
