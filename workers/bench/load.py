"""Which scene is computed on."""

from __future__ import annotations

import msgspec


class SceneLoad(msgspec.Struct, frozen=True):
    """The same numbers give the same samples in every process; ``seconds`` is event time."""

    sessions: int
    seconds: float
    seed: int
