"""Whose fault it is where a part of a model refuses what a plan says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workers.errors import PartError, PlanError


@contextmanager
def part_of_plan(key: str) -> Iterator[None]:
    """What is made here is described under ``key`` of the plan: a ``PartError`` becomes a
    ``PlanError`` that names it.
    """
    try:
        yield
    except PartError as error:
        where = key if error.option is None else f"{key}.{error.option}"
        raise PlanError(where, error.problem) from None
