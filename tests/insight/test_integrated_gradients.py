"""Heat by gradients: where the planted evidence is, and nowhere when it does not count."""

from __future__ import annotations

import copy

import cv2
import numpy as np
import pytest
import torch

from schemas.sample import Modality
from streams.align.types import WindowSample
from tests.insight.planted import MODALITY_OF, Scene, network, scene, window_of
from workers.codecs.image import FRAME_SHAPE
from workers.fusion.network import Network
from workers.insight.heat import Grid, Heat
from workers.insight.integrated_gradients import (
    _gains,
    _Score,
    _ways,
    integrated_gradients,
)
from workers.insight.maps import plain

SCENES = 8


def heat_of(model: Network, one: Scene, task: str, label: str = "present") -> Heat:
    window, decoded = window_of(model, one)
    return integrated_gradients(model, window, decoded, MODALITY_OF, task, label)


def grid(heat: Heat, sensor: str = "cam") -> Grid:
    (found,) = [one for sample, one in heat.grids.items() if sample.sensor == sensor]
    return found


def over_frame(small: Grid) -> Grid:
    height, width = FRAME_SHAPE
    return np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), 0.0, None)


def scenes(patch: bool, tone: bool) -> list[Scene]:
    rng = np.random.default_rng(99)
    return [scene(rng, patch, tone) for _ in range(SCENES)]


def share_inside(one: Scene) -> float:
    """Of the heat for ``patch: present``, what lies in the patch or within 4 pixels of it."""
    heat = over_frame(grid(heat_of(network(), one, "patch")))
    near = cv2.dilate(one.inside.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_)
    return float(heat[near].sum() / heat.sum())


def test_most_of_the_heat_is_where_the_patch_is() -> None:
    # With its margin a patch is at most 6.5 percent of the frame.
    shares = [share_inside(one) for one in scenes(patch=True, tone=True)]
    assert np.mean(shares) > 0.7, shares
    assert min(shares) > 0.6, shares


def test_the_hottest_place_is_in_the_patch() -> None:
    for one in scenes(patch=True, tone=False):
        heat = over_frame(grid(heat_of(network(), one, "patch")))
        near = cv2.dilate(one.inside.astype(np.uint8), np.ones((9, 9), np.uint8))
        assert near[np.unravel_index(heat.argmax(), heat.shape)]


def test_a_label_that_the_frame_has_no_part_in_has_next_to_no_heat_on_it() -> None:
    for one in scenes(patch=True, tone=True):
        seen = grid(heat_of(network(), one, "patch")).sum()
        heard = grid(heat_of(network(), one, "tone")).sum()
        assert heard < 0.05 * seen


def test_where_the_answer_is_a_constant_there_is_no_heat_at_all() -> None:
    deaf = copy.deepcopy(network())
    head = deaf.fusion.get_submodule("heads.patch")
    with torch.no_grad():
        head.get_parameter("weight").zero_()
    (one,) = scenes(patch=True, tone=True)[:1]
    assert heat_of(deaf, one, "patch").hottest == 0.0
    assert heat_of(deaf, one, "tone").hottest > 0.0


def test_a_chunk_has_heat_over_its_time_for_what_is_heard() -> None:
    for one in scenes(patch=True, tone=True):
        heard = grid(heat_of(network(), one, "tone"), "mic")
        assert heard.shape == (1, len(one.chunk))
        assert heard.sum() > 10 * grid(heat_of(network(), one, "patch"), "mic").sum()


@pytest.mark.parametrize("task", ["patch", "tone"])
def test_credits_add_up_to_what_the_score_gains_from_blank_samples(task: str) -> None:
    model = network()
    for one in scenes(patch=True, tone=True)[:3]:
        window, decoded = window_of(model, one)
        score = _Score.of(model, window, MODALITY_OF, task, "present")
        ways = _ways(model, window, decoded, MODALITY_OF, plain)
        credits = sum(float(gain.sum()) for gain in _gains(score, ways, steps=1_024))
        positions = [at for way in ways for at in way.positions]
        with torch.no_grad():
            own, blank = (
                float(score(positions, torch.cat(features, dim=1)))
                for features in (
                    [way.features(way.own.unsqueeze(0)) for way in ways],
                    [way.features(way.blank.unsqueeze(0)) for way in ways],
                )
            )
        assert own - blank > 3.0
        assert credits == pytest.approx(own - blank, rel=0.05)


def test_the_network_is_left_as_it_was() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    heat_of(model, scenes(patch=True, tone=True)[0], "patch")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None or not model.training for parameter in model.parameters())


def test_only_samples_that_were_decoded_have_a_grid() -> None:
    window, decoded = window_of(network(), *scenes(patch=True, tone=True)[:2])
    frames = {
        one: array
        for one, array in decoded.items()
        if MODALITY_OF[one.input] is Modality.VIDEO and one.offset == 0
    }
    heat = integrated_gradients(network(), window, frames, MODALITY_OF, "patch", "present")
    assert list(heat.grids) == list(frames)
    assert all(isinstance(one, WindowSample) for one in heat.grids)


def test_an_unknown_label_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"expected a label of task 'patch', got 'blue'.*absent"):
        heat_of(network(), scenes(patch=True, tone=True)[0], "patch", "blue")
