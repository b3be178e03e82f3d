"""The network over features: what is absent has no influence, and shares tell what has."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.learned.worlds import WIDTHS, a_network, a_plan
from workers.learned.answers import scoped
from workers.learned.network import FusionNetwork, NetworkOutput
from workers.learned.plan import TaskPlan
from workers.learned.projection import Projection
from workers.learned.steps import InputBatch

FORMS = ("attention", "sum", "concatenation")
CONTEXTS: tuple[dict[str, Any], ...] = (
    {"kind": "none"},
    {"kind": "recurrence", "steps": 4},
    {"kind": "recurrence", "steps": 4, "where": "fused"},
    {"kind": "attention", "steps": 4},
    {"kind": "attention", "steps": 4, "where": "fused"},
)


def batches(steps: int, rows: int = 3, length: int = 4) -> list[InputBatch]:
    """Of each input, samples one after the other over the steps."""
    torch.manual_seed(1)
    where = (torch.arange(length) * steps // length).expand(rows, -1)
    present = torch.ones(rows, length, dtype=torch.bool)
    return [
        InputBatch(torch.randn(rows, length, WIDTHS[name]), where, present)
        for name in sorted(WIDTHS)
    ]


def run(plan_changes: dict[str, Any], given: list[InputBatch]) -> NetworkOutput:
    with torch.inference_mode():
        output: NetworkOutput = a_network(a_plan(**plan_changes)).fusion(given)
        return output


def changed(batch: InputBatch, present: torch.Tensor, by: float) -> InputBatch:
    return InputBatch(batch.features + by * ~present.unsqueeze(-1), batch.steps, present)


def combinations() -> list[dict[str, Any]]:
    return [
        {"fusion": {"form": form, "width": 16}, "context": context}
        for form in FORMS
        for context in CONTEXTS
    ]


@pytest.mark.parametrize("plan", combinations(), ids=str)
def test_what_absent_samples_hold_changes_nothing(plan: dict[str, Any]) -> None:
    given = batches(plan["context"].get("steps", 1))
    absent = given[0].present.clone()
    absent[0] = False
    absent[1, 2] = False
    one, other = (run(plan, [changed(given[0], absent, by), given[1]]) for by in (0.0, 9.0))
    assert torch.equal(one.logits["mood"], other.logits["mood"])
    assert torch.equal(one.shares, other.shares)


@pytest.mark.parametrize("plan", combinations(), ids=str)
def test_shares_add_up_to_1_and_an_absent_input_has_none(plan: dict[str, Any]) -> None:
    given = batches(plan["context"].get("steps", 1))
    there = given[0].present.clone()
    there[0] = False
    shares = run(plan, [changed(given[0], there, 0.0), given[1]]).shares
    assert torch.allclose(shares.sum(dim=1), torch.ones(3))
    assert float(shares[0, 0]) == 0.0
    assert float(shares[1, 0]) > 0.0


@pytest.mark.parametrize("plan", combinations(), ids=str)
def test_a_window_without_samples_has_a_finite_answer(plan: dict[str, Any]) -> None:
    given = batches(plan["context"].get("steps", 1))
    nothing = torch.zeros_like(given[0].present)
    output = run(plan, [changed(each, nothing, 0.0) for each in given])
    assert bool(torch.isfinite(output.logits["mood"]).all())
    assert float(output.shares.abs().sum()) == 0.0


@pytest.mark.parametrize("context", CONTEXTS[1:], ids=str)
def test_an_earlier_step_counts_where_there_is_context(context: dict[str, Any]) -> None:
    given = batches(4)
    earlier = given[0].features.clone()
    earlier[:, 0] += 2.0
    other = [InputBatch(earlier, given[0].steps, given[0].present), given[1]]
    plan = {"context": context}
    assert not torch.equal(run(plan, given).logits["mood"], run(plan, other).logits["mood"])


def test_pooling_by_attention_of_one_sample_is_that_sample() -> None:
    given = batches(1, length=1)
    plan = {"projection": {"pool": "attention"}}
    with torch.inference_mode():
        fusion = a_network(a_plan(**plan)).fusion
        assert isinstance(fusion, FusionNetwork)
        projection = fusion.projections[0]
        assert isinstance(projection, Projection)
        pooled, _ = projection(given[0].features, given[0].steps, given[0].present)
        alone = projection.layers(given[0].features)
    assert torch.allclose(pooled[:, 0], alone[:, 0], atol=1e-6)


def test_out_of_scope_is_answered_where_no_label_exceeds_it_by_the_threshold() -> None:
    task = TaskPlan.model_validate(
        {"labels": ["a", "b", "none"], "out_of_scope": {"label": "none", "threshold": 0.5}}
    )
    sure, unsure = [0.9, 0.1, 0.0], [0.48, 0.47, 0.05]
    found = scoped(torch.tensor([sure, unsure]).double().numpy(), task)
    assert [row.argmax() for row in found] == [0, 2]
    assert found.sum(axis=1) == pytest.approx([1.0, 1.0])
