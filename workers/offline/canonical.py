"""When two windows are the same: one serialisation of what a model may learn from a window."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from streams.align.types import Window


def canonical(window: Window) -> bytes:
    """The content of a window as bytes; equal for windows that hold the same, and only for those.

    In it are session, span, every sample (sensor, input, times, feature) in order, and every
    sensor's tally. Offsets are not: a topic's partition is shared by several sessions, a recording
    has numbers of its own. Nor is what tells of the run instead of the content: shard, moment and
    watermark of the closing, idle sensors, revision, event state.
    """
    return msgspec.msgpack.encode(
        (
            window.session,
            window.start_us,
            window.end_us,
            [(s.sensor, s.input, s.start_us, s.end_us, s.feature) for s in window.samples],
            [
                (
                    label,
                    tally.input,
                    tally.samples,
                    tally.invalid,
                    tally.dropped,
                    tally.seen,
                    tally.gaps,
                    tally.repeats,
                    tally.shift_us,
                    tally.drift_ppb,
                )
                for label, tally in sorted(window.tallies.items())
            ],
        )
    )


def window_digest(window: Window) -> bytes:
    """SHA-256 of the canonical bytes, 32 bytes."""
    return hashlib.sha256(canonical(window)).digest()


def combine(digests: Iterable[bytes]) -> str:
    """Digest of a set of windows from theirs, hex, in whatever order they closed."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def digest(windows: Iterable[Window]) -> str:
    """Digest of a set of windows, hex."""
    return combine(map(window_digest, windows))
