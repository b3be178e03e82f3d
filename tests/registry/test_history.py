"""Where a roll-back goes, by the activations that there were."""

from __future__ import annotations

import pytest

from workers.registry.history import (
    MAX_ACTIVATIONS,
    Activation,
    History,
    activated,
    former,
    standing,
)


def history(*steps: str) -> History:
    """``2`` activates a version, ``<2`` rolls back to it."""
    return tuple(
        Activation(
            step.removeprefix("<"),
            f"2026-01-01T00:00:{second:02}Z",
            "rollback" if step.startswith("<") else "activate",
        )
        for second, step in enumerate(steps)
    )


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], None),
        (["1"], None),
        (["1", "2"], "1"),
        (["1", "1"], None),
        (["1", "2", "<1"], None),
        (["1", "2", "3", "<2"], "1"),
        (["1", "2", "<1", "3"], "1"),
        (["1", "2", "1"], "2"),
        (["1", "2", "3", "<2", "<1"], None),
    ],
)
def test_a_roll_back_goes_to_the_version_before_and_never_to_one_it_left(
    steps: list[str], expected: str | None
) -> None:
    assert former(history(*steps)) == expected


def test_the_active_version_stands_last() -> None:
    assert standing(history("1", "2", "3", "<2"))[-1] == "2"


def test_the_oldest_activations_are_forgotten() -> None:
    past: History = ()
    for k in range(MAX_ACTIVATIONS + 5):
        past = activated(past, Activation(str(k), "", "activate"))
    assert (len(past), past[0].version, past[-1].version) == (
        MAX_ACTIVATIONS,
        "5",
        str(MAX_ACTIVATIONS + 4),
    )
