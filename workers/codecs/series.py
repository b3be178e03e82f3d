"""Vital signs, CAN signals and waveforms as one vector of statistics per channel."""

from __future__ import annotations

import math
import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.payloads import Readings, Waveforms
from workers.codecs.json_form import read_json
from workers.codecs.media_type import MediaType
from workers.errors import CodecError

#: Channel -> the values that become -1 and +1. For vital signs these are the ends of what a
#: bedside monitor shows of a living adult, not of what is healthy; for a car, of road traffic.
RANGES: dict[str, tuple[float, float]] = {
    "hr": (30.0, 200.0),  # beats/min
    "pulse": (30.0, 200.0),  # beats/min
    "resp": (4.0, 50.0),  # breaths/min
    "spo2": (70.0, 100.0),  # %
    "abp_sys": (50.0, 220.0),  # mmHg, as are all pressures
    "abp_dia": (20.0, 140.0),
    "abp_mean": (30.0, 170.0),
    "nbp_sys": (50.0, 220.0),
    "nbp_dia": (20.0, 140.0),
    "nbp_mean": (30.0, 170.0),
    "cvp": (-5.0, 30.0),
    "pap_mean": (5.0, 60.0),
    "temp": (33.0, 42.0),  # °C
    "etco2": (10.0, 80.0),  # mmHg
    "ecg": (-2.0, 2.0),  # mV, waveform
    "pleth": (0.0, 1.0),  # waveform
    "speed": (0.0, 40.0),  # m/s
    "acceleration": (-8.0, 8.0),  # m/s²
    "yaw_rate": (-1.0, 1.0),  # rad/s
    "steering": (-8.0, 8.0),  # rad
    "brake": (0.0, 1.0),
    "throttle": (0.0, 1.0),
}
#: Channels of other names share these slots by hash.
SPARE_SLOTS = 10
SLOTS = len(RANGES) + SPARE_SLOTS
#: Per slot: presence, mean, standard deviation, last less first, log10 of crossings per second.
STATISTICS = 5
LENGTH = SLOTS * STATISTICS
MAX_CHANNELS = 128
#: One channel's values in one sample: 60 s of a 500 Hz ECG.
MAX_VALUES = 30_000

_SLOT = {name: slot for slot, name in enumerate(RANGES)}
#: How exports name the place and the end of a blood pressure: NIBP Sys, ART_SBP, NBPs, ABPm.
_PLACES = {"abp": ("abp", "art"), "nbp": ("nbp", "nibp", "noninvasive", "non_invasive")}
_ENDS = {
    "sys": ("sys", "systolic", "sbp", "s"),
    "dia": ("dia", "dias", "diastolic", "dbp", "d"),
    "mean": ("mean", "map", "mbp", "m"),
}
#: Other spellings of monitors, of PhysioNet records and of FHIR and HL7 exports, of the same unit
#: and meaning. Not here, though they are common: ``fio2`` and ``o2`` (a share, 21 % on air),
#: ``pr`` (a pulse or an interval of the ECG), ``gcs`` (15 is alert), ``avpu`` (alert is 0 or 1),
#: ``bps`` and ``bpm`` (rates).
_ALIASES = {
    f"{place}{between}{end}": f"{name}_{part}"
    for name, places in _PLACES.items() for place in places
    for part, ends in _ENDS.items() for end in ends
    for between in ("", "_") if f"{place}{between}{end}" != f"{name}_{part}"
} | {
    "heart_rate": "hr", "rr": "resp", "resp_rate": "resp", "respiration": "resp",
    "respiratory_rate": "resp", "respiration_rate": "resp", "resprate": "resp",
    "breathing_rate": "resp", "heartrate": "hr", "pulse_rate": "pulse", "pulserate": "pulse",
    "o2sat": "spo2", "o2_sat": "spo2", "o2_saturation": "spo2", "oxygen_saturation": "spo2",
    "sao2": "spo2", "abp": "abp_mean", "nbp": "nbp_mean", "nibp": "nbp_mean",
    "sbp": "abp_sys", "sys_bp": "abp_sys", "bp_sys": "abp_sys", "systolic_bp": "abp_sys",
    "bp_systolic": "abp_sys", "systolic_blood_pressure": "abp_sys",
    "blood_pressure_systolic": "abp_sys", "dbp": "abp_dia", "dia_bp": "abp_dia",
    "bp_dia": "abp_dia", "diastolic_bp": "abp_dia", "bp_diastolic": "abp_dia",
    "diastolic_blood_pressure": "abp_dia", "blood_pressure_diastolic": "abp_dia",
    "map": "abp_mean", "mean_arterial_pressure": "abp_mean", "temperature": "temp",
    "body_temperature": "temp", "body_temp": "temp", "temp_c": "temp", "temperature_c": "temp",
    "co2": "etco2", "acvpu": "consciousness",
    "supplemental_oxygen": "oxygen", "supplemental_o2": "oxygen",
    "supplementary_oxygen": "oxygen", "on_oxygen": "oxygen", "on_o2": "oxygen",
    "oxygen_therapy": "oxygen", "o2_therapy": "oxygen",
}  # fmt: skip
#: Normalised values are cut here, so that a wild unit cannot drown the other channels.
_LIMIT = 3.0


_waveforms = msgspec.json.Decoder(Waveforms)
_scalars = msgspec.json.Decoder(Readings)
_shapes = msgspec.json.Decoder(dict[str, msgspec.Raw])


def canonical(name: str) -> str:
    """The one spelling of a channel's name; lower case with underscores where it is not known.

    >>> [canonical(name) for name in ("ABP Sys", "RR", "SpO2", "My-Channel")]
    ['abp_sys', 'resp', 'spo2', 'my_channel']
    """
    lowered = name.strip().lower().replace(" ", "_").replace("-", "_")
    return _ALIASES.get(lowered, lowered)


def channel_slot(name: str) -> int:
    """Slot of a channel name, 0 to SLOTS - 1.

    >>> channel_slot("ABP Sys") == channel_slot("abp_sys") == 4
    True
    """
    found = canonical(name)
    known = _SLOT.get(found)
    return len(RANGES) + zlib.crc32(found.encode()) % SPARE_SLOTS if known is None else known


def _normalise(values: NDArray[np.float64], slot: int) -> NDArray[np.float64]:
    if slot < len(RANGES):
        low, high = tuple(RANGES.values())[slot]
        scaled = 2.0 * (values - low) / (high - low) - 1.0
    else:
        # Nothing is known of the unit: keep sign and order of magnitude.
        scaled = np.arcsinh(values) / 4.0
    return np.clip(scaled, -_LIMIT, _LIMIT)


def _statistics(
    values: NDArray[np.float64], slot: int, rate_hz: float
) -> tuple[float, float, float, float, float]:
    scaled = _normalise(values, slot)
    if len(values) == 1:  # vital signs come one value at a time
        return 1.0, float(scaled[0]), 0.0, 0.0, 0.0
    centred = scaled - scaled.mean()
    crossings = np.count_nonzero(np.diff(np.signbit(centred)))
    per_second = crossings * rate_hz / len(values)
    return (
        1.0,
        float(scaled.mean()),
        float(scaled.std()),
        float(scaled[-1] - scaled[0]),
        math.log10(1.0 + per_second),
    )


def read_channels(payload: bytes, media: MediaType) -> tuple[dict[str, list[float | None]], float]:
    """Values by channel as the payload has them, and their rate in Hz (1 for single values).

    Raises ``CodecError`` as ``decode_series`` does.
    """
    if media.essence != "application/json":
        raise CodecError(
            "unknown_content_type", f"expected application/json, got {media.essence!r:.80}"
        )
    channels, rate_hz = _read(payload)
    if len(channels) > MAX_CHANNELS:
        raise CodecError(
            "too_many_channels", f"expected at most {MAX_CHANNELS} channels, got {len(channels)}"
        )
    for listed in channels.values():
        if len(listed) > MAX_VALUES:
            raise CodecError(
                "too_many_values", f"expected at most {MAX_VALUES} values, got {len(listed)}"
            )
    return channels, rate_hz


def _read(payload: bytes) -> tuple[dict[str, list[float | None]], float]:
    if "channels" in read_json(payload, _shapes):
        block = read_json(payload, _waveforms)
        if not 0.0 < block.rate_hz <= 100_000.0:
            raise CodecError("bad_json", "series: expected rate_hz above 0 and up to 100,000")
        return block.channels, block.rate_hz
    return {name: [value] for name, value in read_json(payload, _scalars).items()}, 1.0


def decode_series(payload: bytes, media: MediaType) -> NDArray[np.float32]:
    """Statistics per channel, float32 (LENGTH,) = (SLOTS, STATISTICS) in rows; absent: zeros.

    The payload is ``{"hr": 80, "spo2": null}`` or ``{"channels": {"ecg": [...]}, "rate_hz": 125}``;
    null is a missing value. Raises ``CodecError``: ``unknown_content_type``, ``not_utf8``,
    ``not_json``, ``bad_json``, ``too_many_channels``, ``too_many_values``.
    """
    channels, rate_hz = read_channels(payload, media)
    vector = np.zeros((SLOTS, STATISTICS), np.float32)
    for name, listed in sorted(channels.items()):
        values = np.asarray([value for value in listed if value is not None], np.float64)
        if values.size:
            slot = channel_slot(name)
            vector[slot] = _statistics(values, slot, rate_hz)
    return vector.reshape(-1)
