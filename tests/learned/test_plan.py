"""A plan says what a model is made of; a mistake in it is one clear line."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.validation import explain
from tests.learned.worlds import a_plan
from workers.learned.plan import ModelPlan


def complaint(**changed: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        a_plan(**changed)
    problem = explain(caught.value, ModelPlan)[0]
    return f"{problem.key}: {problem.message}"


def test_a_plan_survives_being_written_as_json() -> None:
    plan = a_plan(context={"kind": "recurrence", "steps": 8}, fusion={"form": "sum", "width": 8})
    assert ModelPlan.model_validate(plan.model_dump(mode="json")) == plan


def test_an_unknown_kind_of_encoder_is_answered_with_those_there_are() -> None:
    found = complaint(encoders={"text": {"kind": "magic"}})
    assert found.startswith("encoders.text.kind: expected one of ")
    assert "'magic'" in found


def test_an_unknown_option_of_an_encoder_is_named() -> None:
    found = complaint(encoders={"text": {"kind": "vector", "widht": 4}})
    assert "widht" in found
    assert "did you mean 'width'" in found


def test_a_projection_of_no_input_is_refused() -> None:
    assert complaint(projections={"smell": {}}).startswith("projections.smell: expected an input")


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    found = complaint(fusion={"form": "attention", "width": 10, "heads": 4})
    assert "heads: expected a divisor of width" in found


def test_out_of_scope_is_one_of_the_labels() -> None:
    task = {"labels": ["a", "b"], "out_of_scope": {"label": "c"}}
    assert "out_of_scope.label: expected one of a, b" in complaint(tasks={"mood": task})


def test_context_of_no_kind_has_one_step() -> None:
    assert "steps" in complaint(context={"kind": "none", "steps": 4})
