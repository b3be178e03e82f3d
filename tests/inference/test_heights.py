"""Which heights are used, and that each gives the same bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from schemas.sample import Modality
from tests.workers.models import network
from workers.backends.execution import Execution
from workers.backends.heights import agreeing, anchor, candidates
from workers.encoders.base import Bounds
from workers.encoders.tiling import Heights, split
from workers.fusion.tokens import noise_tokens

CPU = torch.device("cpu")
CUDA = torch.device("cuda")
BOUNDS = Bounds(least=4, most=256, spare=8)


def noise(first: int, rows: int) -> torch.Tensor:
    made = [
        np.random.default_rng(first + row).standard_normal(3, np.float32) for row in range(rows)
    ]
    return torch.from_numpy(np.stack(made))


def test_heights_that_round_otherwise_are_not_used() -> None:
    def run(first: int, rows: int) -> list[torch.Tensor]:
        rounding = 1e-7 if rows in (1, 2, 12) else 0.0
        return [noise(first, rows) * (1.0 + rounding)]

    found = agreeing(BOUNDS, 16, CPU, run)
    assert found.rows == (4, 6, 8, 16)


def test_a_row_that_differs_by_its_place_is_seen() -> None:
    def run(first: int, rows: int) -> list[torch.Tensor]:
        out = noise(first, rows)
        if rows > 8:
            out[-1] *= 1.0 + 1e-6
        return [out]

    assert max(agreeing(BOUNDS, 64, CPU, run).rows) == 8


def test_where_none_agrees_the_anchor_alone_is_used() -> None:
    def run(first: int, rows: int) -> list[torch.Tensor]:
        return [noise(first, rows) * (1.0 + rows * 1e-6)]

    assert agreeing(BOUNDS, 64, CPU, run).rows == (4,)


def test_a_gpu_runs_everything_as_high_as_it_may() -> None:
    assert anchor(BOUNDS, 64, CUDA) == 64
    assert anchor(BOUNDS, 1_000, CUDA) == 256


def test_batches_of_one_are_run_without_padding() -> None:
    assert anchor(BOUNDS, 1, CPU) == 1
    assert candidates(BOUNDS, 1, CPU) == (1,)


def test_no_height_exceeds_what_a_batch_may_hold() -> None:
    assert max(candidates(BOUNDS, 50, CPU)) == 50


@pytest.mark.parametrize("count", [1, 3, 5, 17, 63, 64, 65, 200])
def test_the_runs_hold_all_rows_and_pad_less_than_a_run_costs(count: int) -> None:
    heights = Heights((4, 6, 8, 12, 16, 24, 32, 48, 64), spare=8)
    runs = split(count, heights)
    assert count <= sum(runs)
    assert sum(runs) - count < max(heights.spare, heights.rows[0])


@pytest.mark.parametrize("modality", list(Modality))
def test_after_warm_up_a_feature_has_the_same_bits_alone_and_in_any_batch(
    modality: Modality,
) -> None:
    execution = Execution(network(), CPU)
    execution.warm()
    encoder = execution.network.encoder(modality)
    rng = np.random.default_rng(1)
    sizes = encoder.size_classes[:4]
    arrays = [encoder.specimen(sizes[n % len(sizes)], rng) for n in range(90)]
    alone = np.concatenate([execution.encode(modality, [array]) for array in arrays])
    for count in (2, 3, 7, 31, 64, 90):
        assert np.array_equal(execution.encode(modality, arrays[:count]), alone[:count])


@pytest.mark.parametrize("form", ["attention", "sum"])
def test_after_warm_up_an_answer_has_the_same_bits_alone_and_in_any_batch(form: str) -> None:
    execution = Execution(network(form=form), CPU)
    execution.warm()
    rng = np.random.default_rng(1)
    windows = [noise_tokens(n % 70, rng) for n in range(90)]
    alone = [execution.fuse([window])[0] for window in windows]
    for count in (2, 3, 7, 31, 64, 90):
        for found, expected in zip(execution.fuse(windows[:count]), alone, strict=False):
            assert found.shares == expected.shares
            for task, values in expected.probabilities.items():
                assert np.array_equal(found.probabilities[task], values)
