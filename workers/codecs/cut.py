"""Samples that are intervals, cut at bounds of event time: no value is lost, none is in two parts.

Audio is cut between frames, a transcript segment between words, a block of waveforms between
values. All else (frames, stills, object lists, sweeps, single readings, vectors) is one thing: it
stays whole and is where it begins, even if its record gives it a duration.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs import decode_any
from workers.codecs.cut_audio import audio_interval_us, cut_audio
from workers.codecs.cut_series import cut_series, series_interval_us
from workers.codecs.cut_text import cut_text, text_interval_us
from workers.codecs.vector import is_vector

T = TypeVar("T")

_INTERVALS: dict[Modality, Callable[[Sample], tuple[int, int]]] = {
    Modality.AUDIO: audio_interval_us,
    Modality.TEXT: text_interval_us,
    Modality.SERIES: series_interval_us,
}
#: What may be cut; the bounds lie inside the interval, and there is at least one.
_CUTTERS: dict[Modality, Callable[[Sample, Sequence[int]], list[Sample]]] = {
    Modality.AUDIO: cut_audio,
    Modality.TEXT: cut_text,
    Modality.SERIES: cut_series,
}


def interval_us(sample: Sample) -> tuple[int, int] | BadSample:
    """Start and end of what a sample covers by its payload, epoch microseconds.

    An audio chunk or a block of waveforms lasts as long as its frames or values; the record's
    duration counts where it is off by less than one of them. A transcript segment lasts as long as
    its record says, else until its last word is over. Of all else the record's times count.

    A sample that cannot be read gives the decoder's ``BadSample``; one that is only damaged
    further on is found by ``cut`` or by ``decode``.
    """
    read = None if is_vector(sample.content_type) else _INTERVALS.get(sample.modality)
    return (sample.start_us, sample.end_us) if read is None else _guarded(sample, read)


def cut(sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
    """The parts of a sample, in order of time, between those of the ascending bounds that lie
    inside its interval.

    A part differs from the sample in its interval and payload, and where WAV or FLAC was cut in
    its content type. Parts hold at least one frame, value or word; parts of audio and waveforms
    touch, parts of text leave out spans without a word. Without a bound inside, the one part is
    the sample with its true interval. What cannot be read gives the decoder's ``BadSample``.
    """
    interval = interval_us(sample)
    if isinstance(interval, BadSample):
        return interval
    start_us, end_us = interval
    inside_us = bounds_us[bisect_right(bounds_us, start_us) : bisect_left(bounds_us, end_us)]
    cutter = None if is_vector(sample.content_type) else _CUTTERS.get(sample.modality)
    if cutter is None or not inside_us:
        unchanged = end_us == sample.end_us
        return [sample if unchanged else msgspec.structs.replace(sample, end_us=end_us)]
    return _guarded(sample, lambda whole: cutter(whole, inside_us))


def _guarded(sample: Sample, read: Callable[[Sample], T]) -> T | BadSample:
    """What ``read`` makes of a sample; where it fails, what the decoder says of the same sample.

    So a record is refused for one reason whether it was to be cut or not.
    """
    name = "CodecError"
    if sample.payload:
        try:
            return read(sample)
        except Exception as error:
            name = type(error).__name__
    found = decode_any(sample.modality, sample.content_type, sample.payload)
    if isinstance(found, BadSample):
        return found
    return BadSample(
        "not_cuttable", name, f"cutting the {sample.modality.value} failed with {name}"
    )
