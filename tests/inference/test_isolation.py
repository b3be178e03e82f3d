"""Who pays for a batch that failed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from workers.errors import DeviceError, ModelError, NonFiniteError, WorkerError
from workers.inference.isolation import isolate


def test_one_bad_item_of_many_is_found_in_few_runs() -> None:
    runs: list[int] = []

    def run(items: Sequence[int]) -> list[int]:
        runs.append(len(items))
        if any(item < 0 for item in items):
            raise ValueError("negative")
        return [2 * item for item in items]

    items = [*range(40), -1, *range(23)]
    results = isolate(run, items)
    assert [i for i, result in enumerate(results) if isinstance(result, Exception)] == [40]
    assert [r for r in results if not isinstance(r, Exception)] == [2 * i for i in items if i >= 0]
    assert len(runs) <= 13


@pytest.mark.parametrize("error", [DeviceError("out of memory"), ModelError("m", "another one")])
def test_a_failure_that_is_no_items_fault_blames_none(error: WorkerError) -> None:
    def run(items: Sequence[int]) -> list[int]:
        raise error

    with pytest.raises(type(error)):
        isolate(run, [1, 2, 3, 4])


def test_an_answer_that_is_not_finite_blames_its_item() -> None:
    def run(items: Sequence[int]) -> list[int]:
        if 2 in items:
            raise NonFiniteError("NaN")
        return list(items)

    one, two, three = isolate(run, [1, 2, 3])
    assert (one, three) == (1, 3)
    assert isinstance(two, NonFiniteError)
