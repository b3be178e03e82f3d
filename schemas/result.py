"""Results: the fused inference of one window, and what it was made from."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Literal

import msgspec

from schemas.contributions import Contributions
from schemas.errors import WireError
from schemas.objects import TrackedObject

RESULT_TYPE = "sensorium.result.v1"
#: Header of a result's record with what its model keeps of the session after it. For workers alone,
#: who find it there when Redis is lost.
STATE_HEADER = "sensorium-model-state"
#: Namespace of every id that Sensorium derives; fixed for ever, or ids would change.
ID_NAMESPACE = uuid.UUID("6f0c1c2e-6a0b-5d0c-9d55-3f2a8b7f5e11")
_NAMESPACE_BYTES = ID_NAMESPACE.bytes
#: RFC 4122 fixes the two highest bits of this digit to 10.
_VARIANT_DIGIT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}

#: Probabilities and shares are published with so many decimals: far finer than a model's
#: accuracy, coarse enough to hide a float's dependence on its batch.
DECIMALS = 4
#: Why a sensor has nothing in a window.
AbsentReason = Literal["idle", "never_seen", "dropped", "late", "invalid"]
#: Why a result was published when it was.
Cause = Literal["watermark", "early", "late"]


class WindowSpan(msgspec.Struct, frozen=True):
    """Event-time span [start, end) of the window, RFC 3339."""

    start: str
    end: str


class TaskResult(msgspec.Struct, frozen=True):
    """One task's answer: the most probable label and every label's probability."""

    label: str
    probabilities: dict[str, float]


class Correction(msgspec.Struct, frozen=True):
    """What was added to a sensor's event times: ``offset_ms`` at the window's newest sample of it,
    of which ``fixed_ms`` by configuration; ``drift_ppm`` is the clock's rate less 1 as estimated.
    """

    offset_ms: float
    fixed_ms: float = 0.0
    drift_ppm: float = 0.0


class SensorUse(msgspec.Struct, frozen=True):
    """What one sensor gave to this window.

    ``samples``: records whose event time lies in the window; over the final results of a session
    they add up to what was accepted. ``used``: samples that the matcher gave to the model.
    ``invalid``: records that could not be decoded or encoded, which are not among ``samples``, and
    samples that the model failed on, which are; all are dead letters.
    ``coverage``: share of the window that the sensor covered, 0 to 1. ``skew_ms``: event time of
    the used samples' mean against the window's reference time. ``offsets``: [first, last] runs of
    the input partition's offsets behind ``samples``. ``matched``: offset of the sample that
    ``nearest`` or ``hold`` chose; ``age_ms``: how long before the window's end a held one was
    sensed. ``gaps`` and ``repeats``: sequence numbers that were skipped, or that came again, in the
    window's samples and the one before them; of a triggered window, in its samples alone.
    ``clock``: the correction of the sensor's event times, if any. ``sequence``: where samples have
    numbers, the newest of those that no later window has.
    """

    input: str
    modality: str
    samples: int
    used: int
    invalid: int
    dropped: int
    coverage: float
    skew_ms: float | None
    absent: AbsentReason | None
    offsets: list[tuple[int, int]]
    matched: int | None = None
    age_ms: float | None = None
    gaps: int = 0
    repeats: int = 0
    clock: Correction | None = None
    sequence: int | msgspec.UnsetType = msgspec.UNSET


class Quality(msgspec.Struct, frozen=True):
    """Alignment in brief: share of expected sensors present, and the widest skew between two."""

    completeness: float
    skew_ms: float
    missing: list[str]


class ModelRef(msgspec.Struct, frozen=True):
    """The model that made a result; ``digest`` is the sha256 of its weights."""

    name: str
    version: str
    digest: str


class Timings(msgspec.Struct, frozen=True):
    """Wall-clock milliseconds: the only part of a result that differs between two runs.

    ``completed_at_ms``: epoch time at which the sample (or idleness) that completed the window was
    applied; ``wait_ms``: from then to the start of fusion; ``fuse_ms``: the fusion batch.
    ``watermark``: how far the session's watermark had come, RFC 3339; null where every sensor was
    idle and all that was there was flushed. ``idle``: sensors that were not waited for.
    """

    completed_at_ms: int
    wait_ms: float
    fuse_ms: float
    watermark: str | None = None
    idle: list[str] = []


class Score(msgspec.Struct, frozen=True):
    """A number that a published rule gives, beside the task's probabilities.

    ``value``: the aggregate, at most ``highest``. ``parts``: parameter -> its points. ``missing``:
    parameters that were not measured; the true aggregate is at least ``value`` then.
    """

    value: float
    highest: float
    parts: dict[str, float]
    missing: list[str]


class Result(msgspec.Struct, frozen=True):
    """The fused inference for one window of one session.

    Revisions of a window are numbered from 0 on, not always without a gap; the final one is the
    last. How many come before it depends on the pace of reading; its id and the rest of it do not.
    ``cause``: the watermark (or a flush) that closed the window, ``early``, a first look before
    that, or ``late``, samples that came while lateness is allowed. ``modalities``: the model's own
    shares, of attention where it has any. ``contributions``: only where the pipeline file asks for
    them. ``failure``: why there is no answer, where the model failed on the window and no single
    sample was to blame, or where no sample could be used (``nothing_used``); ``tasks`` and
    ``modalities`` are empty then. ``scores``: by task, of those
    that a published rule answers. ``objects``: only of a model that tracks objects; those that it
    knows of after this window, by id.
    """

    id: str
    pipeline: str
    session: str
    window: WindowSpan
    revision: int
    final: bool
    tasks: dict[str, TaskResult]
    modalities: dict[str, float]
    sensors: dict[str, SensorUse]
    quality: Quality
    model: ModelRef
    timings: Timings
    cause: Cause = "watermark"
    contributions: Contributions | msgspec.UnsetType = msgspec.UNSET
    failure: str | msgspec.UnsetType = msgspec.UNSET
    scores: dict[str, Score] | msgspec.UnsetType = msgspec.UNSET
    objects: list[TrackedObject] | msgspec.UnsetType = msgspec.UNSET


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Result)


def result_id(pipeline: str, session: str, window_start_us: int, number: int) -> str:
    """The id of a result: a function of its window and number, of nothing else.

    ``number`` is 0 for the final result, and revision + 1 for one before it: how many there are
    before it depends on the pace of reading, and the final one's id must not.

    >>> result_id("call", "c-1", 0, 0) == result_id("call", "c-1", 0, 0)
    True
    """
    return derived_id(f"result\x1f{pipeline}\x1f{session}\x1f{window_start_us}\x1f{number}")


def derived_id(name: str) -> str:
    """The text of ``uuid.uuid5(ID_NAMESPACE, name)``, at a third of its cost.

    >>> derived_id("result") == str(uuid.uuid5(ID_NAMESPACE, "result"))
    True
    """
    digits = hashlib.sha1(_NAMESPACE_BYTES + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANT_DIGIT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def task_result(probabilities: Mapping[str, float]) -> TaskResult:
    """A task's answer as it is published.

    >>> task_result({"far": 0.25, "near": 0.75}).label
    'near'
    """
    rounded = {label: round(value, DECIMALS) for label, value in probabilities.items()}
    # The first of equals, so that a tie after rounding has one answer.
    return TaskResult(max(rounded, key=rounded.__getitem__), rounded)


def encode_result(result: Result) -> bytes:
    """The JSON body of a result."""
    return _encoder.encode(result)


def decode_result(body: bytes) -> Result:
    """Read a result's JSON body. Raises ``WireError`` where it is not one."""
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"expected a {RESULT_TYPE} body, got something else: {error}") from None
