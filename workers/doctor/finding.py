"""What one check found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Level = Literal["ok", "warning", "problem"]


class Finding(msgspec.Struct, frozen=True):
    """One fact about the installation; ``remedy`` says what to do and is empty where all is well.

    ``warning``: it works, but not as well as it could. ``problem``: a worker will not run right.
    """

    check: str
    level: Level
    message: str
    remedy: str = ""


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, remedy: str) -> Finding:
    """It works, but not as well as it could."""
    return Finding(check, "warning", message, remedy)


def problem(check: str, message: str, remedy: str) -> Finding:
    """A worker will not run, or not do what it promises."""
    return Finding(check, "problem", message, remedy)


def has_problem(findings: Iterable[Finding]) -> bool:
    """Whether any finding is a problem."""
    return any(finding.level == "problem" for finding in findings)


def split_error(check: str, error: Exception) -> Finding:
    """A problem from one of our errors, whose text ends in its remedy after a semicolon."""
    message, _, remedy = " ".join(str(error).split()).rpartition("; ")
    return problem(check, message or remedy, remedy if message else "")
