"""The estimated clocks of one session, and their state as bytes."""

from __future__ import annotations

import msgspec

from schemas.errors import WireError
from streams.align.clock.points import RATE_ONE
from streams.align.clock.rules import ClockRule, Corrected
from streams.align.clock.sensor import SensorClockState, advance, first_record, peek

#: Changes with the layout and with the meaning of what is packed.
STATE_VERSION = 1


class _Packed(msgspec.Struct, array_like=True):
    version: int
    #: input -> sensor -> state
    inputs: dict[str, dict[str, SensorClockState]]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


class SessionClocks:
    """The clocks of one session's sensors. A sensor is a name on one input.

    Each sensor's corrections follow from its own records in the order of their offsets, up to and
    with the one corrected, and from nothing else. Sensors beyond ``max_sensors`` are not estimated.
    """

    def __init__(self, max_sensors: int = 64) -> None:
        self._max_sensors = max_sensors
        self._inputs: dict[str, dict[str, SensorClockState]] = {}

    def correct(
        self,
        rule: ClockRule,
        input: str,
        sensor: str,
        start_us: int,
        end_us: int,
        *,
        offset: int,
        arrival_ms: int,
    ) -> tuple[Corrected, bool]:
        """Correct a sample of a sensor whose clock is estimated; also says if the state changed.

        ``offset``: the record's, in the partition. A record from before the newest one taken is
        corrected and teaches nothing: it is read a second time. ``arrival_ms``: the record's
        Kafka timestamp; below 0, a record without one, it teaches nothing either.
        """
        states = self._inputs.get(input)
        state = None if states is None else states.get(sensor)
        at_us = end_us if rule.at_end else start_us
        teaches = arrival_ms >= 0 and (state is None or offset >= state.next_offset)
        if state is None:
            if not teaches or self._full():
                return _shifted(start_us, end_us, rule.fixed_us), False
            state = first_record(at_us, end_us, arrival_ms * 1_000, offset)
            self._inputs.setdefault(input, {})[sensor] = state
            shift_us = state.newest_us
        elif teaches:
            shift_us = advance(state, at_us, end_us, arrival_ms * 1_000, rule.drifting)
            state.newest_us = shift_us
            state.next_offset = offset + 1
        else:
            shift_us = peek(state, at_us)
        shift_us -= rule.min_delay_us
        drift_ppb = _drift_ppb(state) if state.rate else 0
        return Corrected(start_us + shift_us, end_us + shift_us, shift_us, drift_ppb), teaches

    def newest(self, rule: ClockRule, input: str, sensor: str) -> tuple[int, int] | None:
        """Correction in microseconds and drift in parts per 10**9 at the newest record taken."""
        state = self._inputs.get(input, {}).get(sensor)
        if state is None:
            return None
        return state.newest_us - rule.min_delay_us, _drift_ppb(state)

    def pack(self) -> bytes:
        """The state, at most about 350 bytes per sensor; ``unpack`` goes on exactly from here."""
        return _encoder.encode(_Packed(STATE_VERSION, self._inputs))

    @classmethod
    def unpack(cls, packed: bytes, max_sensors: int = 64) -> SessionClocks:
        """The clocks that were packed. Raises ``WireError`` for anything but such bytes."""
        try:
            found = _decoder.decode(packed)
        except msgspec.MsgspecError as error:
            raise WireError(
                f"expected packed clocks, got something else: {error}; forget the state"
            ) from None
        if found.version != STATE_VERSION:
            raise WireError(
                f"expected packed clocks of version {STATE_VERSION}, got {found.version}; "
                "forget the state"
            )
        clocks = cls(max_sensors)
        clocks._inputs = found.inputs
        return clocks

    def _full(self) -> bool:
        return sum(map(len, self._inputs.values())) >= self._max_sensors


def _shifted(start_us: int, end_us: int, shift_us: int) -> Corrected:
    return Corrected(start_us + shift_us, end_us + shift_us, shift_us)


def _drift_ppb(state: SensorClockState) -> int:
    """The clock's rate less 1. ``state.rate`` is how fast true time gains on the clock."""
    return -state.rate * RATE_ONE // (RATE_ONE + state.rate)
