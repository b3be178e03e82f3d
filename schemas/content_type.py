"""Content types of samples: which each modality accepts, and what a PCM payload's one says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from schemas.sample import Modality

#: Called with a record's value and the default; returns the content type.
Recogniser = Callable[[bytes, str], str]

_STILLS = frozenset({"image/jpeg", "image/png"})
_JSON = frozenset({"application/json"})
PCM = "audio/pcm"
WAVS = frozenset({"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"})
FLACS = frozenset({"audio/flac", "audio/x-flac"})
#: Features that were computed elsewhere, of any modality: float32 values, little-endian. Parameters
#: ``dtype=f32le`` and, where all vectors of an input are equally long, ``width``.
VECTOR = "application/vnd.sensorium.vector"

_SIGNALS: Mapping[Modality, frozenset[str]] = MappingProxyType(
    {
        Modality.VIDEO: _STILLS,
        Modality.IMAGE: _STILLS,
        Modality.AUDIO: frozenset({PCM}) | WAVS | FLACS,
        Modality.TEXT: frozenset({"text/plain", "application/json"}),
        Modality.OBJECTS: _JSON,
        Modality.SERIES: _JSON,
        Modality.POINTS: frozenset(
            {"application/vnd.sensorium.points", "application/octet-stream"}
        ),
    }
)

ACCEPTED: Mapping[Modality, frozenset[str]] = MappingProxyType(
    {modality: signals | {VECTOR} for modality, signals in _SIGNALS.items()}
)

#: Bytes of one value of one channel, by the ``format`` parameter of ``audio/pcm``.
PCM_VALUE_BYTES: Mapping[str, int] = MappingProxyType({"s16le": 2, "f32le": 4})
#: Telephone to studio; the encoders resample within these bounds.
MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 48_000
MAX_CHANNELS = 32


class ContentType(NamedTuple):
    """A media type: lower-case ``base`` (``audio/pcm``) and its parameters by lower-case name."""

    base: str
    parameters: Mapping[str, str]


class PcmFormat(NamedTuple):
    """How a PCM payload is laid out: interleaved frames of ``channels`` values each."""

    rate_hz: int
    channels: int
    sample_format: str

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame: one value of every channel."""
        return self.channels * PCM_VALUE_BYTES[self.sample_format]

    def duration_us(self, size_bytes: int) -> int:
        """Microseconds, rounded, that ``size_bytes`` of whole frames last.

        >>> PcmFormat(16_000, 1, "s16le").duration_us(6_400)
        200000
        """
        frames = size_bytes // self.frame_bytes
        return (frames * 1_000_000 + self.rate_hz // 2) // self.rate_hz

    def __str__(self) -> str:
        return f"{PCM};rate={self.rate_hz};channels={self.channels};format={self.sample_format}"


def _still(value: bytes, default: str) -> str:
    if value.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/png" if value.startswith(b"\x89PNG") else default


#: How files begin that are no input's: named, they are refused; taken for PCM, they would be heard
#: as noise. Long enough that a chunk of PCM does not begin so once in years. MPEG frames have no
#: such beginning.
_OTHER_SOUNDS: tuple[tuple[bytes, str], ...] = (
    (b"OggS\x00", "audio/ogg"),
    (b"\x1aE\xdf\xa3", "audio/webm"),
    (b"#!AMR", "audio/amr"),
    (b"ID3\x03\x00", "audio/mpeg"),
    (b"ID3\x04\x00", "audio/mpeg"),
    (b".snd\x00\x00", "audio/basic"),
)
_OTHER_STARTS = tuple(start for start, _ in _OTHER_SOUNDS)


def _sound(value: bytes, default: str) -> str:
    if value.startswith(b"fLaC"):
        return "audio/flac"
    if value.startswith(b"RIFF") and value[8:12] == b"WAVE":
        return "audio/wav"
    if value[:2] == b"\x00\x00" and value[4:8] == b"ftyp":
        return "audio/mp4"
    if value.startswith(_OTHER_STARTS):
        return next(kind for start, kind in _OTHER_SOUNDS if value.startswith(start))
    return default


def _writing(value: bytes, default: str) -> str:
    text = value.strip()
    # What was cut off is still no plain text: the decoder has to refuse it.
    if text.startswith(b"{") and (text.endswith(b"}") or text[1:].lstrip().startswith(b'"')):
        return "application/json"
    return default if default.startswith("text/plain") else "text/plain"


def _unsaid(value: bytes, default: str) -> str:
    return default


_RECOGNISERS: Mapping[Modality, Recogniser] = MappingProxyType(
    {
        Modality.VIDEO: _still,
        Modality.IMAGE: _still,
        Modality.AUDIO: _sound,
        Modality.TEXT: _writing,
    }
)


def recogniser(modality: Modality) -> Recogniser:
    """What tells the content type of a record that names none: what its bytes plainly are, else
    the input's default.

    >>> recogniser(Modality.AUDIO)(b"fLaC...", "audio/pcm")
    'audio/flac'
    >>> recogniser(Modality.TEXT)(b"I want to cancel", "application/json")
    'text/plain'
    """
    return _RECOGNISERS.get(modality, _unsaid)


@lru_cache(maxsize=512)
def parse_content_type(text: str) -> ContentType:
    """Split a media type from its parameters; ``ValueError`` where it is none.

    >>> parse_content_type('Text/Plain; charset="utf-8"')
    ContentType(base='text/plain', parameters=mappingproxy({'charset': 'utf-8'}))
    """
    base, *rest = text.split(";")
    base = base.strip().lower()
    kind, slash, subtype = base.partition("/")
    if not (kind and slash and subtype) or not base.isascii() or not base.isprintable():
        raise ValueError("expected a media type such as 'image/jpeg'")
    parameters: dict[str, str] = {}
    for part in rest:
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ValueError("expected parameters of the form ';name=value' after the media type")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return ContentType(base, MappingProxyType(parameters))


def _whole(parameters: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else -1
    if not least <= value <= most:
        raise ValueError(f"expected {name} from {least} to {most}, got {text[:32]!r}")
    return value


@lru_cache(maxsize=512)
def pcm_format(text: str, default: str | None = None) -> PcmFormat:
    """Layout that an ``audio/pcm`` content type names; ``ValueError`` where one is not usable.

    What ``text`` leaves out is taken from ``default`` where that is ``audio/pcm`` too, else it is
    16 kHz, one channel, ``s16le``.

    >>> pcm_format("audio/pcm;rate=8000")
    PcmFormat(rate_hz=8000, channels=1, sample_format='s16le')
    """
    kind = parse_content_type(text)
    if kind.base != PCM:
        raise ValueError(f"expected {PCM}, got {kind.base[:64]!r}")
    fallback = PcmFormat(16_000, 1, "s16le")
    if default is not None and default != text and parse_content_type(default).base == PCM:
        fallback = pcm_format(default)
    sample_format = kind.parameters.get("format", fallback.sample_format).lower()
    if sample_format not in PCM_VALUE_BYTES:
        raise ValueError(
            f"expected format {' or '.join(PCM_VALUE_BYTES)}, got {sample_format[:32]!r}"
        )
    return PcmFormat(
        rate_hz=_whole(kind.parameters, "rate", MIN_RATE_HZ, MAX_RATE_HZ, fallback.rate_hz),
        channels=_whole(kind.parameters, "channels", 1, MAX_CHANNELS, fallback.channels),
        sample_format=sample_format,
    )
