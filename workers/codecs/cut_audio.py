"""Audio chunks cut by frame: PCM as it is, WAV and FLAC as the PCM that they hold."""

from __future__ import annotations

import io
from collections.abc import Sequence

import msgspec
import numpy as np
import soundfile

from schemas.content_type import ACCEPTED, MAX_RATE_HZ, MIN_RATE_HZ, PCM, PcmFormat, pcm_format
from schemas.sample import Modality, Sample
from workers.codecs.audio import MAX_CHANNELS, MAX_SECONDS, read_signal
from workers.codecs.cut_even import Rate, runs, true_end_us
from workers.codecs.media_type import MediaType, parse_media_type
from workers.errors import CodecError

#: Encodings that 16 bit hold exactly. ``f32le`` does so for 24 bit, 32 bit float and ADPCM; it
#: rounds 32 bit integers and 64 bit floats, as the decoder does with the whole chunk.
_FITS_S16 = frozenset({"PCM_16", "PCM_U8", "PCM_S8", "ULAW", "ALAW"})


def audio_interval_us(sample: Sample) -> tuple[int, int]:
    """The span of a chunk's frames; of WAV and FLAC, only the header is read.

    Raises ``CodecError`` where that much does not tell it.
    """
    media = parse_media_type(sample.content_type)
    if media.essence == PCM:
        pcm, frames = _pcm_form(sample)
    else:
        with _opened(sample.payload, media) as file:
            pcm, frames = _file_form(file)
    return sample.start_us, _end_us(sample, pcm, frames)


def cut_audio(sample: Sample, bounds_us: Sequence[int]) -> list[Sample]:
    """A chunk's parts between ascending bounds inside its interval, each with one frame or more.

    The payloads of PCM add up to the chunk's, byte for byte, and keep its content type. Parts of
    WAV and FLAC are PCM of the file's rate and channels, ``s16le`` where that is exact, else
    ``f32le``. Raises ``CodecError``.
    """
    media = parse_media_type(sample.content_type)
    if media.essence == PCM:
        (pcm, frames), payload, content_type = _pcm_form(sample), sample.payload, None
    else:
        pcm, payload = _to_pcm(sample.payload, media)
        frames, content_type = len(payload) // pcm.frame_bytes, str(pcm)
    if pcm.sample_format == "f32le" and not np.isfinite(np.frombuffer(payload, "<f4")).all():
        raise CodecError("non_finite_value", "audio: a sample is NaN or infinite")
    size, end_us = pcm.frame_bytes, _end_us(sample, pcm, frames)
    return [
        msgspec.structs.replace(
            sample,
            start_us=run.start_us,
            end_us=run.end_us,
            content_type=content_type or sample.content_type,
            payload=payload[run.first * size : run.stop * size],
        )
        for run in runs(sample.start_us, end_us, frames, Rate(pcm.rate_hz), bounds_us)
    ]


def _end_us(sample: Sample, pcm: PcmFormat, frames: int) -> int:
    return true_end_us(sample.start_us, sample.end_us, frames, Rate(pcm.rate_hz))


def _pcm_form(sample: Sample) -> tuple[PcmFormat, int]:
    try:
        pcm = pcm_format(sample.content_type)
    except ValueError as error:
        raise CodecError("bad_parameter", str(error)) from None
    frames, rest = divmod(len(sample.payload), pcm.frame_bytes)
    if rest:
        raise CodecError("odd_length", f"expected whole frames, got {rest} bytes more")
    _check_form(pcm, frames)
    return pcm, frames


def _check_form(pcm: PcmFormat, frames: int) -> None:
    """The decoder's limits, which hold for the whole chunk and not for its parts."""
    if (
        not MIN_RATE_HZ <= pcm.rate_hz <= MAX_RATE_HZ
        or not 1 <= pcm.channels <= MAX_CHANNELS
        or not 1 <= frames <= MAX_SECONDS * pcm.rate_hz
    ):
        raise CodecError(
            "unsupported_format", f"expected audio within limits, got {frames} frames of {pcm}"
        )


def _opened(payload: bytes, media: MediaType) -> soundfile.SoundFile:
    magic = b"fLaC" if media.essence.endswith("flac") else b"RIFF"
    if media.essence not in ACCEPTED[Modality.AUDIO] or not payload.startswith(magic):
        raise CodecError("unknown_content_type", "expected PCM, WAV or FLAC, got other audio")
    try:
        return soundfile.SoundFile(io.BytesIO(payload))
    except soundfile.SoundFileError:
        raise CodecError("undecodable", f"expected WAV or FLAC, got {len(payload)} bytes") from None


def _file_form(file: soundfile.SoundFile) -> tuple[PcmFormat, int]:
    sample_format = "s16le" if file.subtype in _FITS_S16 else "f32le"
    pcm = PcmFormat(file.samplerate, file.channels, sample_format)
    _check_form(pcm, file.frames)
    return pcm, file.frames


def _to_pcm(payload: bytes, media: MediaType) -> tuple[PcmFormat, bytes]:
    if payload.startswith(b"RIFF"):
        # libsndfile takes a cut WAV for a shorter one; the decoder knows it.
        read_signal(payload, media)
    with _opened(payload, media) as file:
        pcm, frames = _file_form(file)
        dtype, wire = ("int16", "<i2") if pcm.sample_format == "s16le" else ("float32", "<f4")
        try:
            values = file.read(dtype=dtype, always_2d=True)
        except soundfile.SoundFileError:
            raise CodecError("undecodable", "expected frames that can be decoded") from None
    if len(values) < frames:
        raise CodecError("truncated", f"expected {frames} frames, got {len(values)}")
    return pcm, values.astype(wire, copy=False).tobytes()
