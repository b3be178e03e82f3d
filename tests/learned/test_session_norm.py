"""Features relative to the session so far, and answers about the newest step alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.learned.worlds import MODALITY_OF, WIDTHS, a_network, a_plan
from workers.learned.plan import SessionNormPlan
from workers.learned.session_norm import SessionNorm
from workers.learned.steps import InputBatch

STEPS = 6


def norm(prior: float = 1.0, least: float = 0.25) -> SessionNorm:
    return SessionNorm(SessionNormPlan(prior=prior, least=least), STEPS)


def spoken(values: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """One sample a step: values (steps, width) as a batch of one row."""
    count = len(values)
    weight = torch.ones(count) if weights is None else weights
    features = torch.cat([weight[:, None], values], dim=1)[None]
    return features, torch.arange(count)[None], torch.ones(1, count, dtype=torch.bool)


def test_what_comes_later_changes_nothing_before() -> None:
    values = torch.randn(STEPS, 3, generator=torch.Generator().manual_seed(1))
    changed = values.clone()
    changed[-1] += 100.0
    first, _ = norm()(*spoken(values))
    second, _ = norm()(*spoken(changed))
    assert torch.equal(first[:, :-1], second[:, :-1])
    assert not torch.equal(first[:, -1], second[:, -1])


def test_what_a_speaker_always_has_falls_away() -> None:
    relative, _ = norm()(*spoken(torch.full((STEPS, 1), 3.0)))
    sizes = relative[0, :, 0].abs()
    assert (sizes[1:] < sizes[:-1]).all()
    assert sizes[-1] < 0.5


def test_a_session_starts_as_one_of_the_training_speakers() -> None:
    value = torch.tensor([[2.0]])
    unknown, _ = norm(prior=1_000.0)(*spoken(value))
    assert unknown[0, 0, 0] == pytest.approx(2.0, abs=0.02)


def test_a_step_in_which_hardly_anybody_speaks_is_absent() -> None:
    _, present = norm(least=0.25)(*spoken(torch.ones(3, 2), torch.tensor([1.0, 0.1, 0.0])))
    assert present[0].tolist() == [True, False, False, False, False, False]


def test_silence_does_not_count() -> None:
    loud = torch.tensor([[1.0], [500.0], [2.0]])
    quiet = torch.tensor([[1.0], [0.0], [2.0]])
    weights = torch.tensor([1.0, 0.0, 1.0])
    first, _ = norm()(*spoken(loud, weights))
    second, _ = norm()(*spoken(quiet, weights))
    assert torch.equal(first[:, 2], second[:, 2])


def test_chunks_of_a_step_count_by_their_voice() -> None:
    features = torch.tensor([[[3.0, 1.0], [1.0, 5.0]], [[4.0, 2.0], [0.0, 0.0]]])
    steps = torch.zeros(2, 2, dtype=torch.int64)
    relative, _ = norm()(features, steps, torch.tensor([[True, True], [True, False]]))
    assert torch.allclose(relative[0, 0], relative[1, 0])


def batch(steps: list[int], width: int) -> InputBatch:
    """One row with a sample at each of these steps."""
    return InputBatch(
        torch.randn(1, max(1, len(steps)), width, generator=torch.Generator().manual_seed(2)),
        torch.tensor([steps or [0]]),
        torch.full((1, max(1, len(steps))), bool(steps)),
    )


def shares(audio: list[int], text: list[int]) -> list[float]:
    network = a_network(a_plan(context={"kind": "newest", "steps": 4}), MODALITY_OF)
    batches = {"audio": batch(audio, WIDTHS["audio"]), "text": batch(text, WIDTHS["text"])}
    with torch.inference_mode():
        output = network.fusion([batches[name] for name in network.plan.inputs])
    return [float(share) for share in output.shares[0]]


def test_an_input_without_anything_new_is_absent() -> None:
    assert shares(audio=[0, 1, 3], text=[0, 2])[1] == 0.0
    assert shares(audio=[0, 2], text=[3])[0] == 0.0


def test_both_inputs_count_where_both_have_something_new() -> None:
    assert all(share > 0.0 for share in shares(audio=[1, 3], text=[3]))
