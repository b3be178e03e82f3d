"""Which steps of a window an answer may rest on."""

from __future__ import annotations

import pytest
import torch

from tests.learned.worlds import a_plan
from workers.learned.context.attention import AttentionContext, AttentionContextOptions

STEPS, WIDTH = 6, 8


def a_context(ahead: int) -> AttentionContext:
    torch.manual_seed(1)
    options = AttentionContextOptions(steps=STEPS, ahead=ahead, heads=2)
    return AttentionContext(options, WIDTH).eval()


def answers(context: AttentionContext, steps: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = context(steps, present)
        return found


def test_without_looking_ahead_the_last_step_asks() -> None:
    torch.manual_seed(2)
    steps = torch.randn(1, STEPS, WIDTH)
    only_last = torch.zeros(1, STEPS, dtype=torch.bool)
    only_last[:, -1] = True
    everything = torch.ones(1, STEPS, dtype=torch.bool)
    context = a_context(0)

    difference = answers(context, steps, everything) - answers(context, steps, only_last)

    assert difference.abs().max() > 1e-4


def test_the_judged_step_is_the_one_before_those_ahead() -> None:
    """With all that follows absent, the answer is about the last step that is not ahead."""
    torch.manual_seed(2)
    steps = torch.randn(1, STEPS, WIDTH)
    judged_only = torch.zeros(1, STEPS, dtype=torch.bool)
    judged_only[:, STEPS - 3] = True
    changed = steps.clone()
    changed[:, STEPS - 2 :] += 5.0
    context = a_context(2)

    assert torch.equal(answers(context, steps, judged_only), answers(context, changed, judged_only))


def test_looking_ahead_what_follows_has_a_say() -> None:
    torch.manual_seed(2)
    steps = torch.randn(1, STEPS, WIDTH)
    present = torch.ones(1, STEPS, dtype=torch.bool)
    changed = steps.clone()
    changed[:, -1] = -changed[:, -1]
    context = a_context(2)

    assert not torch.allclose(answers(context, steps, present), answers(context, changed, present))


def test_a_window_has_to_hold_the_judged_step() -> None:
    with pytest.raises(ValueError, match="ahead: expected less than the 2 steps, got 2"):
        a_plan(context={"kind": "attention", "steps": 2, "ahead": 2, "heads": 2})
