"""A window without one of its records: the one that its model fails on."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from streams.align.types import Window

#: A record of a window: its input and its offset in the shard's partition of it.
RecordKey = tuple[str, int]


def records_of(window: Window) -> list[RecordKey]:
    """The records whose samples, or parts of samples, the window was given, each once."""
    return list(dict.fromkeys((sample.input, sample.offset) for sample in window.samples))


def only(window: Window, records: Collection[RecordKey]) -> Window:
    """The window with the samples of these records alone."""
    kept = tuple(s for s in window.samples if (s.input, s.offset) in records)
    return msgspec.structs.replace(window, samples=kept)


def without(window: Window, record: RecordKey) -> Window:
    """The window as it is fused without a record, which counts as invalid for its sensor.

    The record stays among those that were accepted: its window took it in.
    """
    labels = {s.sensor for s in window.samples if (s.input, s.offset) == record}
    tallies = {
        label: msgspec.structs.replace(tally, invalid=tally.invalid + 1)
        if label in labels
        else tally
        for label, tally in window.tallies.items()
    }
    kept = tuple(s for s in window.samples if (s.input, s.offset) != record)
    return msgspec.structs.replace(window, samples=kept, tallies=tallies)
