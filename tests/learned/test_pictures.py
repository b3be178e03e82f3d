"""Pictures as if taken otherwise, and seen both ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from schemas.sample import Modality
from workers.learned.encoders.image import (
    ImageAugment,
    ImageCnn,
    ImageOptions,
    changed_picture,
)

RNG = np.random.default_rng(6)
PICTURE = RNG.integers(40, 200, (32, 32, 1), np.uint8)


def encoder(**options: object) -> ImageCnn:
    torch.manual_seed(2)
    described = {"kind": "image", "size": [32, 32], "widths": [4, 8], **options}
    return ImageCnn(ImageOptions.model_validate(described), Modality.IMAGE).eval()


def feature(one: ImageCnn, picture: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = one(torch.from_numpy(np.ascontiguousarray(picture))[None])
    return found


def roughness(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.astype(np.int64), axis=0)).mean())


def test_a_picture_and_its_mirror_image_have_one_feature_when_seen_both_ways() -> None:
    both = encoder(both_ways=True)
    assert torch.allclose(feature(both, PICTURE), feature(both, PICTURE[:, ::-1]), atol=1e-5)
    once = encoder()
    assert not torch.allclose(feature(once, PICTURE), feature(once, PICTURE[:, ::-1]), atol=1e-3)


def test_a_feature_of_means_is_half_of_one_with_maxima() -> None:
    both, mean = encoder(pool="both"), encoder(pool="mean")
    assert (both.width, mean.width) == (16, 8)
    assert torch.equal(feature(both, PICTURE)[:, :8], feature(mean, PICTURE))


def test_contrast_and_brightness_are_taken_out() -> None:
    centred = encoder(center=True)
    even = PICTURE // 2 * 2
    changed = (even // 2 + 20).astype(np.uint8)
    assert torch.allclose(feature(centred, even), feature(centred, changed), atol=0.05)
    assert not torch.allclose(feature(encoder(), even), feature(encoder(), changed), atol=0.05)


@pytest.mark.parametrize("rules", [{"gamma": 0.5}, {"noise": 0.1}, {"blur": 1.0}])
def test_a_picture_taken_otherwise_has_other_values_of_the_same_form(
    rules: dict[str, float],
) -> None:
    limits = ImageAugment.model_validate(rules)
    copies = [changed_picture(PICTURE, limits, np.random.default_rng(seed)) for seed in range(8)]
    assert all((copy.shape, copy.dtype) == (PICTURE.shape, PICTURE.dtype) for copy in copies)
    assert any((copy != PICTURE).any() for copy in copies)


def test_blur_brings_neighbours_nearer() -> None:
    limits = ImageAugment(blur=1.0)
    steps = [
        roughness(changed_picture(PICTURE, limits, np.random.default_rng(seed)))
        for seed in range(6)
    ]
    assert min(steps) < 0.9 * max(steps)
