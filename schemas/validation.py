"""Turns pydantic's findings into one line each: key, expected, got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.places import TAG, Place, place
from schemas.wording import closest, expected, one_of, remedy

#: Longest piece of a user's value that a message repeats.
_MAX_SHOWN = 60
_UNKNOWN = "unknown key"
#: A section that may be of several kinds, and is of none of them.
_NO_KIND = ("union_tag_invalid", "union_tag_not_found", "model_attributes_type")

Show = Callable[[tuple[str | int, ...], object], str]


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


def explain(error: ValidationError, model: type[BaseModel], show: Show = shown) -> list[Problem]:
    """Every finding about a ``model``, unknown keys first (they usually cause the others).

    ``show`` says how a message repeats the value at a path.
    """
    found = [(details, place(model, details["loc"])) for details in error.errors()]
    problems = [
        _problem(details, where, _alternatives(found, where), show) for details, where in found
    ]
    return sorted(problems, key=lambda problem: not problem.message.startswith(_UNKNOWN))


def _alternatives(found: list[tuple[Any, Place]], where: Place) -> list[str]:
    """What else a value may be that is none of several types; one finding tells of each."""
    if not where.alternative:
        return []
    return [expected(details) for details, other in found if other == where]


def _problem(details: Any, where: Place, alternatives: list[str], show: Show) -> Problem:
    path, kind = where.path, details["type"]
    if kind == "extra_forbidden":
        return Problem(path, _UNKNOWN + _known(path, where.beside))
    if kind == "missing":
        return Problem(path, "expected a value, got none; add it")
    if kind in _NO_KIND and where.kinds:
        return _of_no_kind(details, where, show)
    wanted = expected(details)
    if kind == "value_error":
        if not wanted.startswith("expected"):
            # A check of several keys together names the one at fault itself: "inputs.audio: …".
            key, colon, rest = wanted.partition(": ")
            if colon and " " not in key:
                return Problem((*path, *key.split(".")), rest)
            return Problem(path, wanted)
        if ", got " in wanted:
            return Problem(path, wanted)
    if alternatives:
        wanted = "expected " + " or ".join(
            dict.fromkeys(each.removeprefix("expected ") for each in alternatives)
        )
    return Problem(path, f"{wanted}, got {show(path, details['input'])}{remedy(details)}")


def _of_no_kind(details: Any, where: Place, show: Show) -> Problem:
    value, path = details["input"], where.path
    if isinstance(value, dict):
        path = (*path, TAG)
        wanted = f"expected {one_of(where.kinds)}"
        if TAG not in value:
            return Problem(path, f"{wanted}, got none; add it")
        return Problem(
            path, f"{wanted}, got {show(path, value[TAG])}{closest(value[TAG], where.kinds)}"
        )
    meant = value if value in where.kinds else where.kinds[0]
    return Problem(
        path,
        f"expected keys and their values, got {show(path, value)}; write {{{TAG}: {meant}}} and "
        "what else it needs",
    )


def _known(path: tuple[str | int, ...], names: tuple[str, ...]) -> str:
    return closest(path[-1], names) or (f" (known: {', '.join(names)})" if names else "")
