"""A chat completion as probabilities, or nothing: an answer is checked, never guessed at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

#: Probabilities of a task that a model wrote down need not add up to 1 exactly.
_SUM = (0.5, 2.0)


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


def read_answer(body: bytes, tasks: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Task -> label -> probability (each task's sum is 1) of a completion's body.

    Raises ``ValueError``, without a word of the answer: not a completion, cut off, not JSON, other
    tasks or labels, a number that is none, or a sum far from 1.
    """
    try:
        completion = msgspec.json.decode(body, type=_Completion)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ValueError("expected a chat completion, got something else") from None
    if not completion.choices:
        raise ValueError("expected a choice, got none")
    choice = completion.choices[0]
    if choice.finish_reason == "length":
        raise ValueError("the answer was cut off; raise max_tokens")
    try:
        tree = msgspec.json.decode((choice.message.content or "").encode())
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise ValueError("expected JSON as the answer, got something else") from None
    if not isinstance(tree, dict) or set(tree) != set(tasks):
        raise ValueError(f"expected the tasks {sorted(tasks)}, got others")
    return {task: _probabilities(task, tree[task], labels) for task, labels in tasks.items()}


def _probabilities(task: str, told: Any, labels: Sequence[str]) -> dict[str, float]:
    if not isinstance(told, dict) or set(told) != set(labels):
        raise ValueError(f"task {task}: expected the labels {list(labels)}, got others")
    values = [told[label] for label in labels]
    if not all(_is_probability(value) for value in values):
        raise ValueError(f"task {task}: expected numbers of 0 or more, got others")
    total = float(sum(values))
    if not _SUM[0] <= total <= _SUM[1]:
        raise ValueError(f"task {task}: expected probabilities of sum 1, got {total:.3g}")
    return {label: value / total for label, value in zip(labels, values, strict=True)}


def _is_probability(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )
