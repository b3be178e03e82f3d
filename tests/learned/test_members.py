"""Several networks that answer as one."""

from __future__ import annotations

import torch

from tests.learned.test_network import batches
from tests.learned.worlds import WIDTHS, a_plan
from workers.learned.members import Members

PLAN = a_plan(members=3)


def members() -> Members:
    torch.manual_seed(4)
    return Members(PLAN, WIDTHS)


def test_the_answer_is_the_mean_of_the_members_probabilities() -> None:
    network, given = members().eval(), batches(1)
    with torch.inference_mode():
        each = [torch.softmax(one(given).logits["mood"], -1) for one in network.members]
        together = torch.softmax(network(given).logits["mood"], -1)
    assert torch.allclose(together, torch.stack(each).mean(dim=0), atol=1e-6)


def test_members_begin_with_other_weights() -> None:
    network, given = members().eval(), batches(1)
    with torch.inference_mode():
        first, second = (one(given).logits["mood"] for one in network.members[:2])
    assert not torch.allclose(first, second)


def test_while_training_each_row_is_answered_by_one_member() -> None:
    network, given = members().train(), batches(1, rows=7)
    logits = network(given).logits["mood"]
    logits[1].sum().backward()
    learnt = [
        any(each.grad is not None and bool(each.grad.any()) for each in one.parameters())
        for one in network.members
    ]
    assert learnt == [False, True, False]


def test_while_training_rows_keep_their_order() -> None:
    network, given = members().train(), batches(1, rows=7)
    with torch.inference_mode():
        dealt = network(given).logits["mood"]
        alone = network.members[2](given).logits["mood"]
    assert torch.allclose(dealt[2::3], alone[2::3], atol=1e-5)


def test_fewer_rows_than_members_are_learnt_from() -> None:
    network = members().train()
    assert network(batches(1, rows=2)).logits["mood"].shape == (2, 2)
