"""Blocks of waveforms cut by value; single readings have no times of their own and stay whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.envelope_fields import MAX_DURATION_US
from schemas.payloads import Waveforms
from schemas.sample import Sample
from workers.codecs.cut_even import Rate, runs, true_end_us
from workers.codecs.json_form import read_json
from workers.codecs.media_type import parse_media_type
from workers.codecs.series import decode_series
from workers.errors import CodecError

_waveforms = msgspec.json.Decoder(Waveforms)
_shapes = msgspec.json.Decoder(dict[str, msgspec.Raw])


def series_interval_us(sample: Sample) -> tuple[int, int]:
    """The span of a block's longest channel; readings have what their record says.

    So has a block whose rate would make it last more than a day. Raises ``CodecError``.
    """
    block = _block(sample.payload)
    return sample.start_us, sample.end_us if block is None else _end_us(sample, block)


def cut_series(sample: Sample, bounds_us: Sequence[int]) -> list[Sample]:
    """A block's parts between ascending bounds inside its interval, each with a value or more.

    Every part has every channel; one that ended before is empty in it. Raises ``CodecError``.
    """
    decode_series(sample.payload, parse_media_type(sample.content_type))  # refuse what it refuses
    block = _block(sample.payload)
    if block is None or not _has_times(block):
        return [sample]
    count, end_us = _count(block), _end_us(sample, block)
    return [
        msgspec.structs.replace(
            sample,
            start_us=run.start_us,
            end_us=run.end_us,
            payload=msgspec.json.encode(
                Waveforms(
                    {name: held[run.first : run.stop] for name, held in block.channels.items()},
                    block.rate_hz,
                )
            ),
        )
        for run in runs(sample.start_us, end_us, count, _rate(block), bounds_us)
    ]


def _block(payload: bytes) -> Waveforms | None:
    if "channels" not in read_json(payload, _shapes):
        return None
    block = read_json(payload, _waveforms)
    if block.rate_hz <= 0.0:
        raise CodecError("bad_json", "series: expected rate_hz above 0")
    return block


def _count(block: Waveforms) -> int:
    return max(map(len, block.channels.values()), default=0)


def _rate(block: Waveforms) -> Rate:
    return Rate(*block.rate_hz.as_integer_ratio())


def _has_times(block: Waveforms) -> bool:
    return 0 < _count(block) <= block.rate_hz * MAX_DURATION_US / 1e6


def _end_us(sample: Sample, block: Waveforms) -> int:
    if not _has_times(block):
        return sample.end_us
    return true_end_us(sample.start_us, sample.end_us, _count(block), _rate(block))
