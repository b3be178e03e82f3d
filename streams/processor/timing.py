"""When a sample took place: its event times corrected, and the span that it is aligned by."""

from __future__ import annotations

import msgspec

from schemas.errors import EnvelopeError
from schemas.inputs import InputSpec
from schemas.sample import Sample
from schemas.units import MAX_EVENT_TIME_US, to_us
from streams.align.clock import ShardClocks
from streams.align.types import Entry


class Timing:
    """The clocks and the span rule of one input; ``clocks`` is ``None`` where none is corrected.

    ``correct`` remembers by what a sample was corrected until its entries are made.
    """

    def __init__(self, spec: InputSpec, input_name: str, clocks: ShardClocks | None) -> None:
        self.spec = spec
        self.clocks = clocks
        #: Whether a sample is aligned as one whole, by the times that it came with.
        self.is_plain = (
            clocks is None and spec.event_time == "start" and spec.matcher.kind != "overlap"
        )
        self._input = input_name
        #: Offset of a sample -> (shift_us, drift_ppb).
        self._shifts: dict[int, tuple[int, int]] = {}

    def correct(self, sample: Sample, arrival_ms: int) -> Sample:
        """The sample at its corrected times; ``arrival_ms`` is its record's Kafka timestamp.

        Raises ``EnvelopeError`` for one that the correction moves out of the range of times.
        """
        if self.clocks is None:
            return sample
        corrected = self.clocks.correct(
            self._input,
            sample.session,
            sample.sensor,
            sample.start_us,
            sample.end_us,
            offset=sample.offset,
            arrival_ms=arrival_ms,
        )
        if max(abs(corrected.start_us), abs(corrected.end_us)) > MAX_EVENT_TIME_US:
            raise EnvelopeError(
                "time_out_of_range",
                f"expected a time at most {MAX_EVENT_TIME_US} us from the epoch after the "
                f"correction of {corrected.offset_us} us, got {corrected.start_us}; check the "
                f"clock of input {self._input!r}",
                session=sample.session,
                sensor=sample.sensor,
            )
        self._shifts[sample.offset] = corrected.offset_us, corrected.drift_ppb
        return msgspec.structs.replace(sample, start_us=corrected.start_us, end_us=corrected.end_us)

    def fixed_us(self, sensor: str) -> int:
        """The fixed correction of a sensor's clock."""
        return to_us(self.spec.clock_of(sensor).offset)

    def entry(self, sample: Sample, feature: bytes | None, part: int = 0) -> Entry:
        """The sample as the aligner sees it."""
        start_us, end_us = self.spec.aligned_span_us(sample.start_us, sample.end_us)
        shift_us, drift_ppb = self._shifts.get(sample.offset, (0, 0)) if self._shifts else (0, 0)
        return Entry(
            sample.session,
            sample.sensor,
            sample.offset,
            start_us,
            end_us,
            feature,
            part,
            sample.sequence,
            shift_us,
            drift_ppb,
        )
