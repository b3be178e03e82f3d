"""Which versions of a model were active when, and which one a roll-back goes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

#: Activations that are remembered: years of releases, and a file of some 20 KB.
MAX_ACTIVATIONS = 200


class Activation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version became the active one. ``at``: RFC 3339. ``shipped``: it was what answered before
    anything was activated.
    """

    version: str
    at: str
    action: Literal["shipped", "activate", "rollback"]


History = tuple[Activation, ...]


def standing(history: Sequence[Activation]) -> list[str]:
    """The versions that a roll-back can go through, the active one last.

    A roll-back takes the version that it leaves away, so that the next one goes further back.

    >>> at = "2026-01-01T00:00:00Z"
    >>> past = [Activation("1", at, "activate"), Activation("2", at, "activate")]
    >>> standing(past)
    ['1', '2']
    >>> standing([*past, Activation("1", at, "rollback")])
    ['1']
    """
    versions: list[str] = []
    for one in history:
        if one.action == "rollback" and versions:
            versions.pop()
        if not versions or versions[-1] != one.version:
            versions.append(one.version)
    return versions


def former(history: Sequence[Activation]) -> str | None:
    """The version that a roll-back goes to; ``None`` where there is none."""
    versions = standing(history)
    return versions[-2] if len(versions) > 1 else None


def activated(history: Sequence[Activation], one: Activation) -> History:
    """The history with one activation more; the oldest are forgotten beyond the bound."""
    return (*history, one)[-MAX_ACTIVATIONS:]
