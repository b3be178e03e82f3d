"""Audio files (whatever libsndfile opens) as chunks of 16-bit PCM."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from schemas.content_type import MAX_RATE_HZ, MIN_RATE_HZ, PcmFormat
from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.track import Reading, ReadOptions, Track

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au"})

#: Their headers say exactly how many frames follow; those of the others are estimates.
_EXACT = frozenset({".wav", ".flac"})
#: Frames read at a time: 0.7 s at 96 kHz.
_BLOCK_FRAMES = 65_536

Float = npt.NDArray[np.float32]


def to_s16le(samples: Float) -> bytes:
    """Samples in [-1, 1), any shape, as little-endian 16 bit; clipped, NaN is silence.

    >>> to_s16le(np.array([0.0, 0.5, 2.0], np.float32)).hex()
    '00000040ff7f'
    """
    scaled = np.rint(np.nan_to_num(samples) * 32768.0)
    return bytes(np.clip(scaled, -32768, 32767).astype("<i2").data)


def _open(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(str(path))
    except soundfile.LibsndfileError as error:
        raise FeedError(
            f"{path}: expected audio that libsndfile can open, got {error.error_string.strip()}; "
            "convert it to WAV or FLAC"
        ) from None


def _blocks(path: Path, channel: int | None) -> Iterator[Float]:
    """One channel, or the mean of all, as float32 blocks at the file's rate."""
    with _open(path) as file:
        got = 0
        while True:
            try:
                block = file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise FeedError(
                    f"{path}: expected audio after {got / file.samplerate:.3f} s, got "
                    f"{error.error_string.strip()}; the file is damaged there"
                ) from None
            if not len(block):
                break
            got += len(block)
            yield block.mean(axis=1) if channel is None else np.ascontiguousarray(block[:, channel])
        if got < file.frames and path.suffix.lower() in _EXACT:
            raise FeedError(
                f"{path}: expected {file.frames} frames as its header says, got {got}; "
                "the file is cut short"
            )


def _resampled(blocks: Iterator[Float], from_hz: int, to_hz: int) -> Iterator[Float]:
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _chunks(blocks: Iterator[Float], size: int) -> Iterator[Float]:
    """The same samples in pieces of ``size``; the last may be shorter."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate((held, block))
        whole = len(held) - len(held) % size
        for start in range(0, whole, size):
            yield held[start : start + size]
        held = held[whole:]
    if len(held):
        yield held


def _read(
    path: Path, channel: int | None, file_hz: int, rate_hz: int, chunk_ms: int
) -> Iterator[Reading]:
    blocks = _blocks(path, channel)
    if rate_hz != file_hz:
        blocks = _resampled(blocks, file_hz, rate_hz)
    content_type = str(PcmFormat(rate_hz, 1, "s16le"))
    done = 0
    for chunk in _chunks(blocks, rate_hz * chunk_ms // 1_000):
        start = done
        done += len(chunk)
        # Both ends from the frame count, so chunks touch exactly and no rounding adds up.
        yield Reading(
            round(start * 1_000_000 / rate_hz),
            round(done * 1_000_000 / rate_hz),
            content_type,
            to_s16le(chunk),
        )


def audio_tracks(path: Path, options: ReadOptions) -> list[Track]:
    """A track per channel, or one with their mean, of s16le mono chunks of ``chunk_ms``.

    The rate is the file's, or 48 kHz where it is higher; below 8 kHz is refused.
    """
    with _open(path) as file:
        file_hz, channels, frames = file.samplerate, file.channels, file.frames
    if file_hz < MIN_RATE_HZ:
        raise FeedError(
            f"{path}: expected at least {MIN_RATE_HZ} Hz, got {file_hz}; record at a higher rate"
        )
    if frames <= 0:
        raise FeedError(f"{path}: expected audio, got no frames; the file is empty")
    rate_hz = min(file_hz, MAX_RATE_HZ)
    frames_out = -(-frames * rate_hz // file_hz)
    count = -(-frames_out // (rate_hz * options.chunk_ms // 1_000))
    alone = options.mono or channels == 1
    return [
        Track(
            path,
            "" if alone else f"{channel + 1}",
            (Modality.AUDIO,),
            "relative",
            0,
            count,
            partial(_read, path, None if alone else channel, file_hz, rate_hz, options.chunk_ms),
        )
        for channel in range(1 if alone else channels)
    ]
