"""Reading one input's records: what the pipeline file says is worked out once, not per record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from schemas.content_type import recogniser
from schemas.envelope_fields import (
    MAX_DURATION_US,
    SAMPLE_TYPE_BYTES,
    SESSION_END_TYPE,
    SPEC_VERSION,
    Bad,
    ClockBounds,
    Content,
    check_kind,
    fail,
    read_content,
    read_duration,
    read_id,
    read_sensor,
    read_sequence,
    read_session,
    read_time,
    read_traceparent,
    refuse_version,
    shown,
)
from schemas.errors import EnvelopeError
from schemas.inputs import InputSpec
from schemas.pipeline import ClockSpec
from schemas.remembered import Remembered
from schemas.sample import Sample, SessionEnd
from schemas.units import MAX_EVENT_TIME_US, US_PER_S

_SESSION_END = SESSION_END_TYPE.encode()


class EnvelopeReader:
    """Reads the records of one input; ``schemas.envelope`` says what is read from where.

    Keys, sensors and content types that were good are remembered, so that a record costs what is
    new in it. Keep one reader per input.
    """

    def __init__(self, input_name: str, spec: InputSpec, clock: ClockSpec) -> None:
        self.input_name = input_name
        self._modality = spec.modality
        self._kind = SAMPLE_TYPE_BYTES[spec.modality]
        self._sensor = spec.sensors[0] if len(spec.sensors) == 1 else input_name
        self._bounds = ClockBounds.of(clock)
        self._max_bytes = spec.max_bytes
        self._default = spec.default_content_type
        self._recognise = recogniser(spec.modality)
        self._sessions = Remembered(read_session)
        self._sensors = Remembered(read_sensor)
        self._durations = Remembered(read_duration)
        self._said = Remembered(self._content_said)
        self._unsaid = Remembered(self._content_unsaid)

    def read(
        self,
        topic: str,
        partition: int,
        offset: int,
        timestamp_ms: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
    ) -> Sample | SessionEnd:
        """One record as a sample, or as the end of its session.

        See ``schemas.envelope.decode_sample`` for what is filled in and for the reasons of the
        ``EnvelopeError`` that is raised.
        """
        session: str | None = None
        sensor: str | None = None
        start_us: int | None = None
        try:
            session = self._sessions[key]
            source = time = said = duration = given_id = sequence = parent = None
            if headers:
                found = dict(headers)
                if len(found) != len(headers):
                    found = _present(headers)
                find = found.get
                kind = find("ce_type")
                if kind == _SESSION_END:
                    return SessionEnd(session, offset)
                version = find("ce_specversion")
                if version is not None and version != SPEC_VERSION:
                    refuse_version(version)
                if kind is not None and kind != self._kind:
                    check_kind(kind, self._modality)
                source, time = find("ce_source"), find("ce_time")
                said, given_id = find("content-type"), find("ce_id")
                duration = find("ce_duration") or find("duration")
                sequence = find("ce_sequence") or find("sequence")
                parent = find("ce_traceparent") or find("traceparent")
            sensor = self._sensor if source is None else self._sensors[source]
            start_us = read_time(time, timestamp_ms, self._bounds)
            if not value or len(value) > self._max_bytes:
                self._refuse_size(value)
            if said is None:
                content = self._unsaid[self._recognise(value, self._default)]
            else:
                content = self._said[said]
            content_type, lengths_us, length_us = content
            end_us = start_us
            if duration is not None:
                end_us += self._durations[duration]
            elif lengths_us is not None:
                end_us += lengths_us[len(value)]
            elif length_us is not None:
                end_us += min(length_us(value), MAX_DURATION_US)
            if end_us > MAX_EVENT_TIME_US:
                later_s = (end_us - MAX_EVENT_TIME_US) / US_PER_S
                fail(
                    "time_out_of_range",
                    "expected a sample that ends by 2255, got one that ends "
                    f"{later_s:.3f} s later; set the sensor's clock",
                )
            return Sample(
                session,
                sensor,
                self.input_name,
                self._modality,
                start_us,
                end_us,
                content_type,
                value,
                topic,
                partition,
                offset,
                read_id(given_id) if given_id else None,
                None if sequence is None else read_sequence(sequence),
                None if parent is None else read_traceparent(parent),
            )
        except Bad as bad:
            raise EnvelopeError(
                bad.reason, str(bad), session=session, sensor=sensor, start_us=start_us
            ) from None

    def _refuse_size(self, value: bytes | None) -> NoReturn:
        if not value:
            fail("empty_value", "expected a payload as the record's value, got none; send one")
        fail(
            "too_large",
            f"expected at most {self._max_bytes} bytes (max_bytes of input {self.input_name!r}), "
            f"got {len(value)}; raise max_bytes or send smaller samples",
        )

    def _content_said(self, held: bytes) -> Content:
        return self._content(held.decode(errors="replace"), shown(held))

    def _content_unsaid(self, content_type: str) -> Content:
        known = content_type == self._default
        return self._content(content_type, "none" if known else f"none and {content_type} bytes")

    def _content(self, content_type: str, got: str) -> Content:
        try:
            return read_content(content_type, self._default, self._modality)
        except ValueError as error:
            fail(
                "unknown_content_type",
                f"{error} on {self._modality.value} input {self.input_name!r}, got content-type "
                f"{got}; correct the header or the input's content_type",
            )


def _present(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes | None]:
    """The last value of each header: of two equal ones, either may be without a value."""
    return {name: held for name, held in headers if held is not None}
