"""Fusion: masks, shares, and independence of the batch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from schemas.sample import Modality
from streams.align.types import Window, WindowSample
from tests.workers.models import network
from workers.backends.execution import Execution
from workers.encoders import FEATURE_SIZE
from workers.encoders.feature import to_wire
from workers.fusion.network import Answer, Network
from workers.fusion.tokens import (
    MAX_TOKENS,
    MODALITIES,
    Tokens,
    collate,
    sensor_slot,
    thin,
    window_tokens,
)

CPU = torch.device("cpu")
FORMS = pytest.mark.parametrize("form", ["attention", "sum"])


def tokens(count: int, seed: int = 0, kinds: tuple[int, ...] = (0, 1, 2)) -> Tokens:
    rng = np.random.default_rng(seed)
    return Tokens(
        rng.normal(size=(count, FEATURE_SIZE)).astype(np.float32),
        rng.choice(kinds, count).astype(np.int64),
        rng.integers(0, 64, count),
        rng.random(count).astype(np.float32),
    )


def fuse(model: Network, windows: list[Tokens]) -> list[Answer]:
    return Execution(model, CPU).fuse(windows)


def same(first: Answer, second: Answer) -> bool:
    equal = [
        np.array_equal(first.probabilities[t], second.probabilities[t]) for t in first.probabilities
    ]
    return all(equal) and first.shares == second.shares


@FORMS
def test_an_answer_is_the_same_to_the_bit_alone_and_among_64(form: str) -> None:
    model = network(form=form)
    windows = [tokens(n % 90, seed=n) for n in range(64)]
    together = fuse(model, windows)
    assert all(same(a, fuse(model, [w])[0]) for a, w in zip(together, windows, strict=True))


@FORMS
def test_probabilities_and_shares_add_up_to_one(form: str) -> None:
    for answer in fuse(network(form=form), [tokens(n, seed=n) for n in range(1, 20)]):
        for values in answer.probabilities.values():
            assert values.sum() == pytest.approx(1.0, abs=1e-12)
        assert sum(answer.shares.values()) == pytest.approx(1.0, abs=1e-12)


@FORMS
def test_an_absent_modality_has_no_share(form: str) -> None:
    answer = fuse(network(form=form), [tokens(12, kinds=(0, 3))])[0]
    assert set(answer.shares) == {MODALITIES[0], MODALITIES[3]}


@FORMS
def test_what_padding_holds_changes_nothing(form: str) -> None:
    model = network(form=form)
    clean = collate([tokens(5)], 16, 1)
    dirty = dataclasses.replace(
        clean,
        features=torch.where(clean.present.unsqueeze(-1), clean.features, 1e4),
        modalities=torch.where(clean.present, clean.modalities, 6),
        sensors=torch.where(clean.present, clean.sensors, 63),
        times=torch.where(clean.present, clean.times, -2.0),
    )
    with torch.inference_mode():
        first, second = model.fusion(clean), model.fusion(dirty)
    assert torch.equal(first.shares, second.shares)
    assert all(torch.equal(first.logits[t], second.logits[t]) for t in first.logits)


@FORMS
def test_a_modality_whose_samples_are_taken_out_leaves_what_was_never_there(form: str) -> None:
    model = network(form=form)
    full = tokens(12)
    keep = full.modalities != 1
    rest = Tokens(full.features[keep], full.modalities[keep], full.sensors[keep], full.times[keep])
    altered = Tokens(full.features.copy(), full.modalities, full.sensors, full.times)
    altered.features[~keep] = 5.0
    assert not same(fuse(model, [full])[0], fuse(model, [altered])[0])
    assert MODALITIES[1] not in fuse(model, [rest])[0].shares


@FORMS
def test_a_window_without_samples_has_a_finite_answer_and_no_shares(form: str) -> None:
    answer = fuse(network(form=form), [tokens(0)])[0]
    assert answer.shares == {}
    assert all(np.isfinite(values).all() for values in answer.probabilities.values())


@FORMS
def test_two_sensors_of_one_modality_are_told_apart(form: str) -> None:
    model = network(form=form)
    agent, customer = (
        Tokens(
            tokens(1).features,
            np.asarray([MODALITIES.index(Modality.AUDIO)]),
            np.asarray([sensor_slot(name)]),
            np.zeros(1, np.float32),
        )
        for name in ("mic.agent", "mic.customer")
    )
    assert not same(*fuse(model, [agent, customer]))


def test_no_two_sensors_of_a_shipped_pipeline_share_a_slot() -> None:
    from schemas.pipeline_file import load_pipeline
    from streams.scenes.catalog import SCENES

    for name, kind in SCENES.items():
        sensors = [sensor for sensors in kind.inputs.values() for sensor in sensors]
        assert load_pipeline(name).inputs.keys() == kind.inputs.keys()
        assert len({sensor_slot(sensor) for sensor in sensors}) == len(sensors)


def window(count: int) -> Window:
    feature = to_wire(np.ones(FEATURE_SIZE, np.float32))
    samples = tuple(
        WindowSample("mic", "audio", i, i * 100, i * 100 + 100, feature) for i in range(count)
    )
    return Window(0, "s", 0, 1_000, samples, {}, 0)


def test_a_samples_time_is_its_middle_on_the_windows_scale() -> None:
    found = window_tokens(window(3), {"audio": Modality.AUDIO})
    assert found.times.tolist() == pytest.approx([0.05, 0.15, 0.25])


def test_a_crowded_window_is_thinned_evenly() -> None:
    kept = thin(window(3 * MAX_TOKENS).samples)
    assert [sample.offset for sample in kept] == list(range(0, 3 * MAX_TOKENS, 3))
