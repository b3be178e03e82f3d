"""Windows for a model that keeps state of a session: a session's, one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from streams.align.types import Window
from streams.compute import MAX_STATE_BYTES, Fusion

FuseBatch = Callable[[Sequence[Window]], Awaitable[list[Fusion]]]


async def fuse_in_turns(fuse: FuseBatch, windows: Sequence[Window]) -> list[Fusion]:
    """One answer per window, in order. A session's windows must come in order.

    ``fuse`` is called turn by turn, with the next window of every session: one batch never has two
    of a session, so that splitting it, or searching it for what it fails on, changes no order. A
    window is given the state that its session's former one left; the first, what it brings. A
    window without an answer, or with one whose state is too large to be kept, leaves the state as
    it was.
    """
    sessions: dict[tuple[int, str], list[int]] = {}
    for place, window in enumerate(windows):
        sessions.setdefault((window.shard, window.session), []).append(place)
    answers: list[Fusion | None] = [None] * len(windows)
    states: dict[tuple[int, str], bytes] = {}
    for turn in range(max(map(len, sessions.values()), default=0)):
        places = [each[turn] for each in sessions.values() if turn < len(each)]
        batch = [_with_state(windows[place], states) for place in places]
        for place, window, answer in zip(places, batch, await fuse(batch), strict=True):
            answer = _kept(answer)
            answers[place] = answer
            before = window.model_state
            key = (window.shard, window.session)
            states[key] = before if answer.state is None else answer.state
    return [answer for answer in answers if answer is not None]


def _with_state(window: Window, states: dict[tuple[int, str], bytes]) -> Window:
    state = states.get((window.shard, window.session))
    return window if state is None else msgspec.structs.replace(window, model_state=state)


def _kept(answer: Fusion) -> Fusion:
    if answer.state is None or len(answer.state) <= MAX_STATE_BYTES:
        return answer
    return msgspec.structs.replace(
        answer, tasks={}, modalities={}, objects=None, state=None, failure="state_too_large"
    )
