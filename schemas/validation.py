"""Turns pydantic's findings into one line each: key, expected, got."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

#: Longest piece of a user's value that a message repeats.
_MAX_SHOWN = 60
#: Key -> the tags that a discriminated union puts into the path after it; the user wrote no such
#: key.
_UNIONS = {
    "matcher": ("collect", "overlap", "nearest", "hold"),
    "remote": ("kserve", "chat"),
    "situations": ("time_to_collision", "pedestrian_in_path", "hard_braking_ahead"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: the path to the key, and what is wrong with it."""

    path: tuple[str | int, ...]
    message: str

    @property
    def key(self) -> str:
        """The path as a user would write it: ``inputs.audio.lateness``."""
        return ".".join(str(part) for part in self.path) or "(the whole file)"


def shown(path: tuple[str | int, ...], value: object) -> str:
    """How a message repeats a value that a user gave, shortened."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def explain(
    error: ValidationError,
    known: dict[str, list[str]] | None = None,
    show: Callable[[tuple[str | int, ...], object], str] = shown,
) -> list[Problem]:
    """Every finding, unknown keys first (they usually cause the others).

    ``known`` holds the keys that there are below each path; ``show`` says how a message repeats
    the value at a path.
    """
    problems = [_problem(details, known or {}, show) for details in error.errors()]
    return sorted(problems, key=lambda problem: not problem.message.startswith("unknown key"))


def _problem(
    details: Any,
    known: dict[str, list[str]],
    show: Callable[[tuple[str | int, ...], object], str],
) -> Problem:
    location = details["loc"]
    path = tuple(part for at, part in enumerate(location) if not _is_tag(location, at))
    kind = details["type"]
    if kind == "extra_forbidden":
        return Problem(path, "unknown key" + _suggestion(location, known))
    if kind == "missing":
        return Problem(path, "expected a value, got none")
    message = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "value_error" and not message.startswith("expected"):
        # A check of several keys together names the one at fault itself: "inputs.audio: …".
        key, colon, rest = message.partition(": ")
        if colon and " " not in key:
            return Problem((*path, *key.split(".")), rest)
        return Problem(path, message)
    if kind in ("model_type", "dict_type"):
        message = "expected keys and their values"
    return Problem(path, f"{_expected(message)}, got {show(path, details['input'])}")


def _is_tag(location: tuple[str | int, ...], at: int) -> bool:
    before = [part for part in location[:at] if isinstance(part, str)]
    return bool(before) and location[at] in _UNIONS.get(before[-1], ())


def _expected(message: str) -> str:
    for lead in ("input should be ", "string should "):
        if message.startswith(lead):
            return "expected " + message.removeprefix(lead)
    return message


def _suggestion(path: tuple[str | int, ...], known: dict[str, list[str]]) -> str:
    parent = ".".join(str(part) for part in path[:-1])
    names = known.get(parent, [])
    close = difflib.get_close_matches(str(path[-1]), names, n=1)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known: {', '.join(names)})" if names else ""
