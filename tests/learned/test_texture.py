"""Local binary patterns of pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.errors import TrainError
from workers.learned.encoders.texture import (
    PATTERNS,
    TextureEncoder,
    TextureOptions,
    pattern_shares,
)

RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (90, 90), np.uint8)


def by_hand(pixels: np.ndarray, radius: int, threshold: int) -> np.ndarray:
    """Pixel by pixel, as the paper has it."""
    counts = np.zeros(PATTERNS)
    around = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    for y in range(radius, len(pixels) - radius):
        for x in range(radius, pixels.shape[1] - radius):
            bits = [
                int(pixels[y + radius * dy, x + radius * dx]) > int(pixels[y, x]) + threshold
                for dy, dx in around
            ]
            turns = sum(bits[k] != bits[k - 1] for k in range(8))
            counts[sum(bits) if turns <= 2 else PATTERNS - 1] += 1
    return counts / counts.sum()


@pytest.mark.parametrize("radius", [1, 3])
def test_patterns_are_those_counted_pixel_by_pixel(radius: int) -> None:
    small = NOISE[:24, :30]
    assert pattern_shares(small, radius, 1, 2) == pytest.approx(by_hand(small, radius, 2))


def test_each_band_of_rows_adds_up_to_1() -> None:
    shares = pattern_shares(NOISE, 2, 3, 2).reshape(3, PATTERNS)
    assert shares.sum(axis=1) == pytest.approx([1.0, 1.0, 1.0])


def test_a_quarter_turn_changes_no_pattern() -> None:
    turned = np.ascontiguousarray(np.rot90(NOISE))
    assert pattern_shares(turned, 2, 1, 2) == pytest.approx(pattern_shares(NOISE, 2, 1, 2))


def test_brightness_changes_no_pattern() -> None:
    dark = NOISE // 2
    assert pattern_shares(dark + 100, 2, 3, 2) == pytest.approx(pattern_shares(dark, 2, 3, 2))


def sample(payload: bytes) -> Sample:
    return Sample(
        session="p", sensor="probe", input="ultrasound", modality=Modality.VIDEO, start_us=0,
        end_us=0, content_type="image/png", payload=payload, topic="t", partition=0, offset=0,
    )  # fmt: skip


def test_features_are_standardised_square_roots_of_shares() -> None:
    encoder = TextureEncoder(TextureOptions(radii=(2, 5)), Modality.VIDEO)
    pictures = [RNG.integers(0, 256, (80, 100), np.uint8) for _ in range(4)]
    decoded = [
        encoder.decode(sample(bytes(cv2.imencode(".png", each)[1].data))) for each in pictures
    ]
    encoder.fit(decoded)
    features = encoder(*encoder.collate(decoded, 1, 4)).numpy()
    expected = StandardScaler().fit_transform(np.stack(decoded).astype(np.float64))
    assert features == pytest.approx(expected, abs=1e-3)


def test_the_radii_are_the_parts_of_a_feature() -> None:
    encoder = TextureEncoder(TextureOptions(radii=(2, 5), bands=3), Modality.VIDEO)
    assert encoder.parts == (slice(0, 30), slice(30, 60))
    assert encoder.width == 60


def test_what_is_no_picture_is_a_bad_sample() -> None:
    encoder = TextureEncoder(TextureOptions(), Modality.VIDEO)
    bad = encoder.decode(sample(b"not a picture"))
    assert isinstance(bad, BadSample)
    assert bad.reason == "not_an_image"


def test_another_modality_is_refused() -> None:
    with pytest.raises(TrainError, match="expected image or video"):
        TextureEncoder(TextureOptions(), Modality.AUDIO)
