"""The gate in front of the model: who goes next, who is dropped."""

from __future__ import annotations

import asyncio

import pytest

from workers.inference.admission import Admission, Overload


class Gate:
    """An admission of 4 samples at once, 6 waiting, and blocks of 2 that stay inside until told."""

    def __init__(self, overload: Overload) -> None:
        self.admission = Admission({"cam": overload, "mic": "wait"}, at_once=4, max_waiting=6)
        self.entered: list[str] = []
        self.dropped: list[str] = []
        self.leave = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def bring(self, name: str, due_us: int = 0, input: str = "cam", size: int = 2) -> None:
        async def block() -> None:
            async with self.admission.turn(input, size, due_us) as admitted:
                (self.entered if admitted else self.dropped).append(name)
                if admitted:
                    await self.leave.wait()

        self.tasks.append(asyncio.create_task(block()))
        for _ in range(5):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        self.leave.set()
        await asyncio.gather(*self.tasks)


async def full(overload: Overload) -> Gate:
    """Two blocks inside and three waiting: no room for another sample of the input."""
    gate = Gate(overload)
    for name in "abcde":
        await gate.bring(name)
    assert gate.entered == ["a", "b"]
    assert gate.admission.waiting("cam") == 6
    return gate


async def test_what_waits_has_no_bound_but_its_callers_where_the_input_waits() -> None:
    gate = await full("wait")
    await gate.bring("f")
    assert gate.admission.waiting("cam") == 8
    await gate.finish()
    assert gate.dropped == []
    assert sorted(gate.entered) == list("abcdef")


async def test_the_newest_is_dropped_where_the_input_says_so() -> None:
    gate = await full("drop_newest")
    await gate.bring("f")
    assert gate.dropped == ["f"]
    await gate.finish()
    assert sorted(gate.entered) == list("abcde")


async def test_the_oldest_that_waits_is_dropped_where_the_input_says_so() -> None:
    gate = await full("drop_oldest")
    await gate.bring("f")
    assert gate.dropped == ["c"]
    await gate.finish()
    assert sorted(gate.entered) == list("abdef")


@pytest.mark.parametrize("overload", ["drop_newest", "drop_oldest"])
async def test_another_inputs_samples_are_not_dropped(overload: Overload) -> None:
    gate = await full(overload)
    await gate.bring("other", input="mic")
    assert gate.dropped == []
    await gate.finish()
    assert "other" in gate.entered


async def test_what_is_due_first_goes_first_but_none_waits_for_ever() -> None:
    gate = Gate("wait")
    for name, due_us in (("a", 0), ("b", 0), ("late", 90), ("x", 30), ("y", 10), ("z", 20)):
        await gate.bring(name, due_us)
    await gate.finish()
    # By turns what is due first and what has waited longest.
    assert gate.entered[2:] == ["y", "late", "z", "x"]


async def test_a_block_larger_than_what_may_be_inside_goes_alone() -> None:
    gate = Gate("drop_newest")
    await gate.bring("large", size=50)
    assert gate.entered == ["large"]
    await gate.bring("small")
    assert gate.entered == ["large"]
    await gate.finish()
    assert gate.entered == ["large", "small"]


async def test_a_cancelled_block_frees_its_place() -> None:
    gate = await full("drop_newest")
    gate.tasks[3].cancel()
    await gate.bring("f")
    assert gate.dropped == []
    gate.tasks[0].cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(gate.entered) == 3
    gate.leave.set()
    await asyncio.gather(*gate.tasks, return_exceptions=True)
    assert sorted(gate.entered) == list("abcef")
