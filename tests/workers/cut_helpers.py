"""Samples to be cut, and what every way of cutting one has to keep."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs.cut import cut

START_US = 1_700_000_000_000_000


def interval(
    modality: Modality,
    content_type: str,
    payload: bytes,
    duration_us: int = 0,
    start_us: int = START_US,
) -> Sample:
    return Sample(
        session="s",
        sensor="mic",
        input="in",
        modality=modality,
        start_us=start_us,
        end_us=start_us + duration_us,
        content_type=content_type,
        payload=payload,
        topic="call.in",
        partition=3,
        offset=41,
        given_id="id-41",
        sequence=7,
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )


def parts_of(sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample]:
    """The parts, after a check of what holds for parts of anything."""
    parts = cut(sample, bounds_us)
    assert not isinstance(parts, BadSample), parts
    assert parts
    for part in parts:
        same = msgspec.structs.replace(
            part,
            start_us=sample.start_us,
            end_us=sample.end_us,
            content_type=sample.content_type,
            payload=sample.payload,
        )
        assert same == sample
        assert part.start_us in {sample.start_us, *bounds_us}
    for before, after in pairwise(parts):
        assert before.start_us < before.end_us <= after.start_us
    return parts


def grid(start_us: int, end_us: int, tile_us: int) -> range:
    """Bounds of a window grid inside (start_us, end_us)."""
    return range((start_us // tile_us + 1) * tile_us, end_us, tile_us)
