"""Windows as columns: what one shard holds, whatever its format on disk."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.align.types import SensorTally, Window, WindowSample
from workers.offline.spool import Content

#: Numbers of a tally, in the order of their columns.
TALLY_NUMBERS = (
    "samples",
    "invalid",
    "dropped",
    "seen",
    "gaps",
    "repeats",
    "shift_us",
    "drift_ppb",
)


class StoredSample(WindowSample, frozen=True, gc=False):
    """A sample of a window that was read back. ``feature``: an encoder's, or the payload, which is
    what ``content_type`` says (empty for a feature). ``offset``: its place among the recording's of
    its input.
    """

    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Windows of one shard. Strings are numbers into ``names``, by kind.

    ``arrays`` (n windows, s samples, t tallies, c contents; int64 unless said otherwise):
    ``window.session``, ``.start_us``, ``.end_us`` (n,); ``window.first_sample``, ``.first_tally``
    (n + 1,): where a window's rows begin. ``sample.sensor``, ``.input``, ``.offset``,
    ``.start_us``, ``.end_us``, ``.content`` (s,). ``tally.sensor``, ``.input`` and the
    ``TALLY_NUMBERS`` (t,). ``content.type`` (c,), ``content.first_byte`` (c + 1,),
    ``content.bytes`` uint8: what several samples share is there once.
    """

    names: Mapping[str, Sequence[str]]
    arrays: Mapping[str, NDArray[np.int64] | NDArray[np.uint8]]

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return len(self.arrays["window.session"])


class ColumnsBuilder:
    """Collects windows. ``contents`` gives what a sample's feature stands for."""

    def __init__(self, contents: Callable[[bytes], Content]) -> None:
        self._contents = contents
        self._numbers: dict[str, array[int]] = {name: array("q") for name in _EMPTY}
        self._numbers["window.first_sample"].append(0)
        self._numbers["window.first_tally"].append(0)
        self._numbers["content.first_byte"].append(0)
        self._names: dict[str, dict[str, int]] = {
            kind: {} for kind in ("session", "sensor", "input", "content_type")
        }
        #: feature -> number of its content
        self._known: dict[bytes, int] = {}
        self._bytes = bytearray()
        #: Content type of each content.
        self._types: list[str] = []
        self.windows = 0
        self.samples = 0
        #: Bytes of all samples; shared ones count for each that has them.
        self.size = 0

    def add(self, window: Window) -> Window:
        """Add a window; returns it with what its samples hold in place of references."""
        n = self._numbers
        n["window.session"].append(self._number("session", window.session))
        n["window.start_us"].append(window.start_us)
        n["window.end_us"].append(window.end_us)
        samples = tuple(self._add_sample(sample) for sample in window.samples)
        for label, tally in sorted(window.tallies.items()):
            n["tally.sensor"].append(self._number("sensor", label))
            n["tally.input"].append(self._number("input", tally.input))
            for field in TALLY_NUMBERS:
                n[f"tally.{field}"].append(getattr(tally, field))
        n["window.first_sample"].append(len(n["sample.sensor"]))
        n["window.first_tally"].append(len(n["tally.sensor"]))
        self.windows += 1
        return window_of(window.session, window.start_us, window.end_us, samples, window.tallies)

    def _add_sample(self, sample: WindowSample) -> StoredSample:
        number = self._known.get(sample.feature)
        if number is None:
            number = self._known[sample.feature] = self._keep(self._contents(sample.feature))
        content = self._content(number)
        n = self._numbers
        n["sample.sensor"].append(self._number("sensor", sample.sensor))
        n["sample.input"].append(self._number("input", sample.input))
        n["sample.offset"].append(sample.offset)
        n["sample.start_us"].append(sample.start_us)
        n["sample.end_us"].append(sample.end_us)
        n["sample.content"].append(number)
        self.samples += 1
        self.size += len(content.data)
        return StoredSample(
            sample.sensor,
            sample.input,
            sample.offset,
            sample.start_us,
            sample.end_us,
            content.data,
            content.content_type,
        )

    def _keep(self, content: Content) -> int:
        types = self._numbers["content.type"]
        types.append(self._number("content_type", content.content_type))
        self._bytes += content.data
        self._numbers["content.first_byte"].append(len(self._bytes))
        self._types.append(content.content_type)
        return len(types) - 1

    def _content(self, number: int) -> Content:
        first, last = self._numbers["content.first_byte"][number : number + 2]
        return Content(self._types[number], bytes(memoryview(self._bytes)[first:last]))

    def _number(self, kind: str, name: str) -> int:
        names = self._names[kind]
        return names.setdefault(name, len(names))

    def build(self) -> Columns:
        """The columns; the builder must not be used afterwards."""
        arrays: dict[str, NDArray[np.int64] | NDArray[np.uint8]] = {
            name: np.asarray(numbers, np.int64) for name, numbers in self._numbers.items()
        }
        arrays["content.bytes"] = np.frombuffer(self._bytes, np.uint8)
        return Columns({kind: list(names) for kind, names in self._names.items()}, arrays)


_EMPTY = (
    *(f"window.{name}" for name in ("session", "start_us", "end_us", "first_sample")),
    "window.first_tally",
    *(f"sample.{name}" for name in ("sensor", "input", "offset", "start_us", "end_us", "content")),
    "tally.sensor",
    "tally.input",
    *(f"tally.{name}" for name in TALLY_NUMBERS),
    "content.type",
    "content.first_byte",
)


def window_of(
    session: str,
    start_us: int,
    end_us: int,
    samples: Sequence[StoredSample],
    tallies: Mapping[str, SensorTally],
) -> Window:
    """A window as it is stored: without what tells of the run (see ``canonical``)."""
    return Window(
        shard=0,
        session=session,
        start_us=start_us,
        end_us=end_us,
        samples=tuple(samples),
        tallies={label: _without_offsets(tally) for label, tally in tallies.items()},
        completed_at_ms=0,
    )


def _without_offsets(tally: SensorTally) -> SensorTally:
    return tally_of(tally.input, [getattr(tally, field) for field in TALLY_NUMBERS])


def tally_of(input: str, numbers: Sequence[int]) -> SensorTally:
    """A tally of the TALLY_NUMBERS."""
    samples, invalid, dropped, seen, gaps, repeats, shift_us, drift_ppb = numbers
    return SensorTally(
        input,
        samples,
        invalid,
        dropped,
        bool(seen),
        gaps=gaps,
        repeats=repeats,
        shift_us=shift_us,
        drift_ppb=drift_ppb,
    )
