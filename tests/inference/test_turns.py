"""Windows of a model that keeps state: one of a session at a time, in order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from streams.align.types import Window, WindowSample
from streams.compute import MAX_STATE_BYTES, Fusion
from workers.inference.blame import fuse_each
from workers.inference.turns import fuse_in_turns


def window(session: str, second: int, *features: bytes, state: bytes = b"") -> Window:
    start_us = second * 1_000_000
    samples = tuple(
        WindowSample("cam", "video", n, start_us, start_us, each) for n, each in enumerate(features)
    )
    return Window(0, session, start_us, start_us + 1_000_000, samples, {}, 0, model_state=state)


class Appending:
    """Its state is every window's start so far. A window with ``bad`` in it fails the batch; one
    with ``large`` leaves more than may be kept.
    """

    def __init__(self) -> None:
        self.batches: list[list[tuple[str, int]]] = []

    async def __call__(self, windows: Sequence[Window]) -> list[Fusion]:
        self.batches.append([(each.session, each.start_us // 1_000_000) for each in windows])
        return fuse_each(partial(self._fuse), windows)

    def _fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        if any(sample.feature == b"bad" for each in windows for sample in each.samples):
            raise ValueError("bad")
        return [self._answer(each) for each in windows]

    def _answer(self, window: Window) -> Fusion:
        seen = window.model_state + b"%d" % (window.start_us // 1_000_000)
        if any(sample.feature == b"large" for sample in window.samples):
            seen = bytes(MAX_STATE_BYTES + 1)
        return Fusion({"seen": {seen.decode(): 1.0}}, {}, state=seen)


async def test_a_session_s_windows_are_answered_one_after_the_other() -> None:
    answers = await fuse_in_turns(Appending(), [window("a", 1, state=b"0"), window("a", 2)])
    assert [answer.state for answer in answers] == [b"01", b"012"]


async def test_no_batch_has_two_windows_of_a_session() -> None:
    model = Appending()
    await fuse_in_turns(model, [window("a", 1), window("a", 2), window("b", 1), window("a", 3)])
    assert model.batches == [[("a", 1), ("b", 1)], [("a", 2)], [("a", 3)]]


async def test_answers_come_in_the_order_of_the_windows() -> None:
    answers = await fuse_in_turns(Appending(), [window("a", 1), window("a", 2), window("b", 7)])
    assert [answer.state for answer in answers] == [b"1", b"12", b"7"]


async def test_a_window_that_fails_leaves_the_state_as_it_was() -> None:
    given = [window("a", 1), window("a", 2, b"bad", b"bad"), window("a", 3), window("b", 2)]
    answers = await fuse_in_turns(Appending(), given)
    assert [answer.state for answer in answers] == [b"1", None, b"13", b"2"]


async def test_a_window_without_the_sample_that_it_fails_on_changes_the_state() -> None:
    given = [window("a", 1), window("a", 2, b"good", b"bad"), window("a", 3)]
    answers = await fuse_in_turns(Appending(), given)
    assert [answer.state for answer in answers] == [b"1", b"12", b"123"]
    assert [answer.culprit and answer.culprit.offset for answer in answers] == [None, 1, None]


async def test_state_that_is_too_large_is_refused_and_the_former_kept() -> None:
    answers = await fuse_in_turns(
        Appending(), [window("a", 1), window("a", 2, b"large"), window("a", 3)]
    )
    assert [answer.failure for answer in answers] == [None, "state_too_large", None]
    assert answers[2].state == b"13"
