"""Audio chunks: PCM, WAV and FLAC, 8 to 48 kHz, as log-mel frames at 16 kHz."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from schemas.audio_length import WAV_UNKNOWN_SIZES
from schemas.content_type import FLACS, WAVS
from workers.codecs.media_type import MediaType
from workers.codecs.mel import RATE_HZ, log_mel
from workers.errors import CodecError

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000
MAX_CHANNELS = 8
#: One sample's chunk; at 60 s the spectrogram has 6,000 frames (768 KB).
MAX_SECONDS = 60
_PCM_TYPES: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}
_CONTAINERS = dict.fromkeys(WAVS, "wav") | dict.fromkeys(FLACS, "flac")


def _check_form(rate_hz: int, channels: int, frames: int) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise CodecError(
            "unsupported_rate", f"expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, got {rate_hz}"
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise CodecError(
            "unsupported_channels", f"expected 1 to {MAX_CHANNELS} channels, got {channels}"
        )
    if frames > MAX_SECONDS * rate_hz:
        raise CodecError(
            "audio_too_long", f"expected at most {MAX_SECONDS} s, got {frames / rate_hz:.1f} s"
        )
    if frames == 0:
        raise CodecError("no_audio", "expected at least one sample, got a header alone")


def _read_pcm(payload: bytes, media: MediaType) -> tuple[NDArray[np.float32], int]:
    name = media.parameters.get("format", "s16le").lower()
    dtype = _PCM_TYPES.get(name)
    if dtype is None:
        raise CodecError(
            "unsupported_format", f"expected one of {sorted(_PCM_TYPES)}, got {name!r:.40}"
        )
    rate_hz, channels = media.integer("rate", RATE_HZ), media.integer("channels", 1)
    frame_bytes = dtype.itemsize * max(channels, 1)
    _check_form(rate_hz, channels, -(-len(payload) // frame_bytes))
    if len(payload) % frame_bytes:
        raise CodecError(
            "odd_length",
            f"expected a multiple of {frame_bytes} bytes ({channels} channels of {name}), "
            f"got {len(payload)}",
        )
    values = np.frombuffer(payload, dtype).reshape(-1, channels)
    scale = np.float32(1.0 / 32768.0 if dtype.kind == "i" else 1.0)
    return values.astype(np.float32) * scale, rate_hz


def _check_wav_length(payload: bytes) -> None:
    """libsndfile reads a cut WAV as a shorter one, so the data chunk's size is compared first."""
    position = 12
    while position + 8 <= len(payload):
        kind, size = struct.unpack_from("<4sI", payload, position)
        if kind == b"data":
            missing = position + 8 + size - len(payload)
            if missing > 0 and size not in WAV_UNKNOWN_SIZES:
                raise CodecError("truncated_wav", f"WAV: {missing} bytes of its data are missing")
            return
        position += 8 + size + size % 2
    raise CodecError("truncated_wav", "WAV: the payload ends before its data")


def _read_container(payload: bytes, kind: str) -> tuple[NDArray[np.float32], int]:
    magic = b"RIFF" if kind == "wav" else b"fLaC"
    if not payload.startswith(magic):
        raise CodecError(f"bad_{kind}", f"expected {kind}, got other first bytes")
    if kind == "wav":
        _check_wav_length(payload)
    try:
        with soundfile.SoundFile(io.BytesIO(payload)) as file:
            _check_form(file.samplerate, file.channels, file.frames)
            values = file.read(dtype="float32", always_2d=True)
            frames, rate_hz = file.frames, file.samplerate
    except soundfile.SoundFileError:
        raise CodecError(f"bad_{kind}", f"{kind} of {len(payload)} bytes: not decodable") from None
    if len(values) < frames:
        raise CodecError(
            f"truncated_{kind}", f"{kind}: expected {frames} frames, got {len(values)}"
        )
    return values, rate_hz


def read_signal(payload: bytes, media: MediaType) -> NDArray[np.float32]:
    """The chunk's signal: float32 (samples,) at 16 kHz, the mean of its channels.

    Raises ``CodecError``: ``unknown_content_type``, ``bad_parameter``, ``unsupported_format``,
    ``unsupported_rate``, ``unsupported_channels``, ``odd_length``, ``no_audio``,
    ``audio_too_long``, ``bad_wav``, ``bad_flac``, ``truncated_wav``, ``truncated_flac``,
    ``non_finite_value``.
    """
    if media.essence == "audio/pcm":
        values, rate_hz = _read_pcm(payload, media)
    elif media.essence in _CONTAINERS:
        values, rate_hz = _read_container(payload, _CONTAINERS[media.essence])
    else:
        raise CodecError(
            "unknown_content_type",
            f"expected audio/pcm, audio/wav or audio/flac, got {media.essence!r:.80}",
        )
    mono = values[:, 0] if values.shape[1] == 1 else values.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise CodecError("non_finite_value", "audio: a sample is NaN or infinite")
    # Float formats may exceed full scale by any amount; the spectrogram must stay in its range.
    mono = np.clip(mono, -4.0, 4.0)
    if rate_hz != RATE_HZ:
        mono = soxr.resample(mono, rate_hz, RATE_HZ, quality="MQ")
    return np.ascontiguousarray(mono, np.float32)


def decode_audio(payload: bytes, media: MediaType) -> NDArray[np.float32]:
    """Log-mel frames of a chunk, float32 (frames >= 1, 32), one frame each 10 ms."""
    return log_mel(read_signal(payload, media))
