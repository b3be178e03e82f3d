"""JPEG and PNG: frames of a stream and still images.

The header is read before OpenCV sees the payload: it refuses decompression bombs, finds
truncation (which OpenCV fills with grey and reports as success), and lets the decoder skip pixels
that the model would only average away.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.codecs.media_type import MediaType
from workers.errors import CodecError

#: Height and width of a decoded frame, pixels.
FRAME_SHAPE = (64, 96)
#: Height and width of a decoded still image, pixels.
STILL_SHAPE = (96, 96)
#: A 40-megapixel image decodes to 120 MB; medical detectors end near 20 megapixels.
MAX_PIXELS = 40_000_000

# Images are decoded on a pool of threads already; OpenCV's own would contend with it.
cv2.setNumThreads(1)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _EOI = 0xDA, b"\xff\xd9"
#: Markers without a length: TEM and RST0..RST7.
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_REDUCED = {
    (1, True): cv2.IMREAD_COLOR,
    (2, True): cv2.IMREAD_REDUCED_COLOR_2,
    (4, True): cv2.IMREAD_REDUCED_COLOR_4,
    (8, True): cv2.IMREAD_REDUCED_COLOR_8,
    (1, False): cv2.IMREAD_GRAYSCALE,
    (2, False): cv2.IMREAD_REDUCED_GRAYSCALE_2,
    (4, False): cv2.IMREAD_REDUCED_GRAYSCALE_4,
    (8, False): cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header of an image says; sizes in pixels."""

    kind: str
    width: int
    height: int


def _jpeg_header(payload: bytes) -> ImageHeader:
    """Walk the segments up to the scan (ITU-T T.81, annex B) and require an end after it."""
    position, size = 2, None
    while position + 4 <= len(payload):
        if payload[position] != 0xFF:
            raise CodecError("bad_jpeg", f"JPEG: expected a marker at byte {position}")
        marker = payload[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", payload, position + 2)
        if marker in _SOF and position + 9 <= len(payload):
            size = struct.unpack_from(">HH", payload, position + 5)
        if marker == _SOS:
            if size is None:
                raise CodecError("bad_jpeg", "JPEG: the scan comes before the frame header")
            # Stuffing keeps FFD9 out of scan data; only a thumbnail before the scan may hold one.
            if payload.rfind(_EOI, position + 2 + length) < 0:
                break
            return ImageHeader("jpeg", width=size[1], height=size[0])
        position += 2 + max(length, 2)
    raise CodecError(
        "truncated_jpeg", f"JPEG: the payload of {len(payload)} bytes ends before the image does"
    )


def _png_header(payload: bytes) -> ImageHeader:
    """Walk the chunks (PNG, 5.3) and require IHDR first and IEND last."""
    position, size = len(_PNG_SIGNATURE), None
    while position + 12 <= len(payload):
        length, kind = struct.unpack_from(">I4s", payload, position)
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise CodecError("bad_png", "PNG: expected the header chunk first")
            if position + 16 <= len(payload):
                size = struct.unpack_from(">II", payload, position + 8)
        if kind == b"IEND" and size is not None:
            return ImageHeader("png", width=size[0], height=size[1])
        position += 12 + length
    raise CodecError(
        "truncated_png", f"PNG: the payload of {len(payload)} bytes ends before the image does"
    )


def read_header(payload: bytes) -> ImageHeader:
    """Kind and size of a JPEG or PNG without decoding it.

    Raises ``CodecError``: ``not_an_image``, ``truncated_jpeg``, ``truncated_png``, ``bad_jpeg``,
    ``bad_png``, ``image_too_large``.
    """
    if payload.startswith(b"\xff\xd8"):
        header = _jpeg_header(payload)
    elif payload.startswith(_PNG_SIGNATURE):
        header = _png_header(payload)
    else:
        raise CodecError("not_an_image", "expected a JPEG or PNG, got neither's first bytes")
    pixels = header.width * header.height
    if pixels == 0:
        raise CodecError(f"bad_{header.kind}", f"{header.kind}: width or height is 0")
    if pixels > MAX_PIXELS:
        raise CodecError(
            "image_too_large",
            f"expected at most {MAX_PIXELS} pixels, the header says {header.width}x{header.height}",
        )
    return header


def reduction(header: ImageHeader, shape: tuple[int, int]) -> int:
    """Largest of 1, 2, 4, 8 that leaves at least ``shape`` (height, width) pixels.

    >>> reduction(ImageHeader("jpeg", width=1242, height=375), (64, 96))
    4
    """
    height, width = shape
    for factor in (8, 4, 2):
        if header.width >= factor * width and header.height >= factor * height:
            return factor
    return 1


def _read(
    payload: bytes,
    media: MediaType,
    least: Callable[[ImageHeader], tuple[int, int]],
    *,
    color: bool,
) -> NDArray[np.uint8]:
    """Pixels, of a JPEG reduced as far as leaves ``least`` (height, width) of them."""
    if media.essence not in ("image/jpeg", "image/jpg", "image/png"):
        raise CodecError(
            "unknown_content_type", f"expected image/jpeg or image/png, got {media.essence!r:.80}"
        )
    header = read_header(payload)
    # OpenCV decodes a PNG in full and shrinks it afterwards: only a JPEG gains by reduction.
    factor = reduction(header, least(header)) if header.kind == "jpeg" else 1
    # An EXIF rotation would depend on the reader; a sensor's pixels are taken as they lie.
    flags = _REDUCED[factor, color] | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(payload, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise CodecError(
            f"bad_{header.kind}", f"{header.kind} of {header.width}x{header.height}: not decodable"
        )
    return np.asarray(image, np.uint8)


def decode_stretched(
    payload: bytes, media: MediaType, shape: tuple[int, int], *, color: bool
) -> NDArray[np.uint8]:
    """An image stretched to ``shape`` (height, width): uint8 (height, width, 3), channels blue,
    green, red, or (height, width, 1), grey. Raises ``CodecError``.
    """
    image = _read(payload, media, lambda _: shape, color=color)
    height, width = shape
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8).reshape(height, width, 3 if color else 1)


def _within(width: int, height: int, longest_px: int) -> tuple[int, int]:
    """Height and width with the longer side at most ``longest_px``, in proportion."""
    scale = min(1.0, longest_px / max(width, height))
    return max(1, round(height * scale)), max(1, round(width * scale))


def read_pixels(payload: bytes, media: MediaType, longest_px: int) -> NDArray[np.uint8]:
    """An image as it is, uint8 (height, width, 3), channels blue, green, red; shrunk in proportion
    where its longer side has more than ``longest_px``. Raises ``CodecError``.
    """
    image = _read(
        payload, media, lambda header: _within(header.width, header.height, longest_px), color=True
    )
    height, width = _within(image.shape[1], image.shape[0], longest_px)
    if (height, width) == image.shape[:2]:
        return image
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


def decode_frame(payload: bytes, media: MediaType) -> NDArray[np.uint8]:
    """A stream's frame as uint8 (64, 96, 3), channels blue, green, red; stretched to that shape."""
    return decode_stretched(payload, media, FRAME_SHAPE, color=True)


def decode_still(payload: bytes, media: MediaType) -> NDArray[np.uint8]:
    """A still image as uint8 (96, 96, 1), grey; stretched to that shape."""
    return decode_stretched(payload, media, STILL_SHAPE, color=False)
