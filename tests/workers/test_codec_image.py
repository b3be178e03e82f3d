"""JPEG and PNG: what is decoded, what is refused, and why."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from schemas.sample import Modality
from streams.compute import BadSample
from tests.workers.payloads import encoded, picture
from workers.codecs import decode
from workers.codecs.image import FRAME_SHAPE, ImageHeader, read_header, reduction


def reason(payload: bytes, content_type: str = "image/jpeg") -> str:
    result = decode(Modality.VIDEO, content_type, payload)
    assert isinstance(result, BadSample)
    return result.reason


@pytest.mark.parametrize("size", [(1242, 375), (640, 480), (160, 120), (96, 64), (17, 400)])
def test_a_frame_of_any_size_has_the_fixed_form(size: tuple[int, int]) -> None:
    frame = decode(Modality.VIDEO, "image/jpeg", encoded(picture(*size)))
    assert not isinstance(frame, BadSample)
    assert frame.shape == (*FRAME_SHAPE, 3)
    assert frame.dtype == np.uint8


def test_a_still_image_is_grey() -> None:
    still = decode(Modality.IMAGE, "image/png", encoded(picture(512, 512), ".png"))
    assert not isinstance(still, BadSample)
    assert still.shape == (96, 96, 1)


def test_reduced_decoding_is_close_to_decoding_in_full() -> None:
    payload = encoded(picture(1242, 375))
    reduced = decode(Modality.VIDEO, "image/jpeg", payload)
    full = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    expected = cv2.resize(full, FRAME_SHAPE[::-1], interpolation=cv2.INTER_AREA)
    assert reduction(read_header(payload), FRAME_SHAPE) == 4
    assert np.abs(reduced.astype(int) - expected).mean() < 2.0


@pytest.mark.parametrize(
    ("width", "height", "factor"),
    [(96, 64, 1), (192, 128, 2), (191, 128, 1), (1920, 1080, 8), (1242, 375, 4)],
)
def test_the_reduction_never_leaves_fewer_pixels_than_the_model_wants(
    width: int, height: int, factor: int
) -> None:
    assert reduction(ImageHeader("jpeg", width, height), FRAME_SHAPE) == factor


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.999])
def test_a_cut_jpeg_is_named_truncated(share: float) -> None:
    payload = encoded(picture())
    assert reason(payload[: int(len(payload) * share)]) == "truncated_jpeg"


def test_an_end_marker_inside_a_thumbnail_does_not_hide_the_truncation() -> None:
    payload = encoded(picture())
    thumbnail = encoded(picture(32, 32))
    application = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = payload[:2] + application + payload[2:]
    assert not isinstance(decode(Modality.VIDEO, "image/jpeg", whole), BadSample)
    assert reason(whole[: len(whole) // 2]) == "truncated_jpeg"


def test_a_cut_png_is_named_truncated() -> None:
    payload = encoded(picture(), ".png")
    assert reason(payload[: len(payload) // 2], "image/png") == "truncated_png"


def test_bytes_after_the_end_of_a_jpeg_are_ignored() -> None:
    payload = encoded(picture())
    padded = decode(Modality.VIDEO, "image/jpeg", payload + bytes(100))
    assert np.array_equal(padded, decode(Modality.VIDEO, "image/jpeg", payload))


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    body = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    header = struct.pack(">I", len(body)) + b"IHDR" + body
    header += struct.pack(">I", zlib.crc32(b"IHDR" + body))
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    assert reason(b"\x89PNG\r\n\x1a\n" + header + end, "image/png") == "image_too_large"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "empty_value"),
        (b"not an image", "not_an_image"),
        (b"\xff\xd8\xff", "truncated_jpeg"),
        (b"\xff\xd8garbage that has no markers", "bad_jpeg"),
        (b"GIF89a" + bytes(100), "not_an_image"),
    ],
)
def test_other_bytes_have_a_stable_reason(payload: bytes, expected: str) -> None:
    assert reason(payload) == expected


def test_another_content_type_is_unknown() -> None:
    assert reason(encoded(picture()), "video/h264") == "unknown_content_type"
