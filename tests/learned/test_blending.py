"""Features that are made less telling while training."""

from __future__ import annotations

import pytest
import torch

from workers.learned.blending import blended
from workers.learned.plan import ProjectionPlan
from workers.learned.projection import Projection

ROWS, LENGTH, WIDTH = 40, 3, 2


def given() -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes far apart, one at -1 and one at 1; every row's last sample is absent."""
    torch.manual_seed(3)
    side = torch.where(torch.arange(ROWS) % 2 == 0, -1.0, 1.0)
    present = torch.ones(ROWS, LENGTH, dtype=torch.bool)
    present[:, -1] = False
    return side[:, None, None].expand(ROWS, LENGTH, WIDTH).clone(), present


def test_what_is_absent_stays_as_it_is() -> None:
    features, present = given()
    assert torch.equal(blended(features, present, 1.0)[:, -1], features[:, -1])


def test_a_blend_of_none_changes_nothing() -> None:
    features, present = given()
    assert torch.equal(blended(features, present, 0.0), features)


def test_a_full_blend_leaves_features_between_those_that_occur() -> None:
    features, present = given()
    moved = blended(features, present, 1.0)
    assert moved.abs().max() <= 1.0


def test_less_than_half_the_way_never_misleads() -> None:
    features, present = given()
    assert bool((blended(features, present, 0.49).sign() == features.sign()).all())


def test_the_full_way_misleads_in_about_a_quarter() -> None:
    torch.manual_seed(5)
    features = torch.where(torch.arange(8_000) % 2 == 0, -1.0, 1.0)[:, None, None]
    moved = blended(features, torch.ones(8_000, 1, dtype=torch.bool), 1.0)
    wrong = (moved.sign() != features.sign()).float().mean().item()
    assert wrong == pytest.approx(0.25, abs=0.03)


def test_a_projection_blends_only_while_it_is_trained() -> None:
    features, present = given()
    projection = Projection(WIDTH, 4, ProjectionPlan(blend=1.0), steps=1)
    steps = torch.zeros(ROWS, LENGTH, dtype=torch.long)

    projection.eval()
    first, second = (projection(features, steps, present)[0] for _ in range(2))
    assert torch.equal(first, second)

    projection.train()
    third, fourth = (projection(features, steps, present)[0] for _ in range(2))
    assert not torch.equal(third, fourth)
