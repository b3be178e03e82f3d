"""A model elsewhere that does not answer: what it was asked waits, is not lost and not guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from schemas.result import ModelRef
from schemas.sample import Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from streams.errors import ModelUnanswered
from streams.processor import fuse_loop, waiting
from tests.processor.fakes import FakeCompute, starts_ms
from tests.processor.world import VOICE, WORDS, World, feed_seconds


class Gone(ModelUnanswered):
    """A server that refuses for good."""

    retriable = False


class Unreliable(FakeCompute):
    """Answers a call only when no failure is left for it; ``asked`` counts every call."""

    def __init__(
        self,
        *,
        encode_failures: int = 0,
        fuse_failures: int = 0,
        error: type[ModelUnanswered] = ModelUnanswered,
    ) -> None:
        super().__init__()
        self.left = {"encode": encode_failures, "fuse": fuse_failures}
        self.asked = {"encode": 0, "fuse": 0}
        self.error = error
        self.failed = asyncio.Event()

    def _ask(self, call: str) -> None:
        self.asked[call] += 1
        if self.left[call]:
            self.left[call] -= 1
            self.failed.set()
            raise self.error("nobody there")

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        self._ask("encode")
        return await super().encode(samples)

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        self._ask("fuse")
        return await super().fuse(windows)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_BACKOFF_S", (0.001, 0.01))


async def test_windows_wait_until_the_model_answers_again() -> None:
    world = World(compute=Unreliable(fuse_failures=3))
    feed_seconds(world, 5)
    await world.flush(await world.worker())
    assert starts_ms(world.engine.results()) == ["00.000", "01.000", "02.000", "03.000", "04.000"]
    assert world.engine.committed == {VOICE: 20, WORDS: 20}


async def test_samples_wait_until_they_can_be_encoded_and_none_is_a_dead_letter() -> None:
    world = World(compute=Unreliable(encode_failures=3))
    fed = feed_seconds(world, 2)
    await world.flush(await world.worker())
    uses = [use for result in world.engine.results() for use in result.sensors.values()]
    assert sum(use.samples for use in uses) == fed
    assert sum(use.invalid for use in uses) == 0
    assert world.engine.on("dlq") == []


async def test_a_worker_ends_though_the_model_does_not_answer_and_the_next_one_publishes() -> None:
    compute = Unreliable(fuse_failures=1_000_000)
    world = World(compute=compute)
    feed_seconds(world, 3)
    first = await world.worker()
    await world.engine.deliver(first)
    await compute.failed.wait()
    async with asyncio.timeout(5):
        await first.drain()
    assert world.engine.results() == []
    compute.left["fuse"] = 0
    await world.flush(await world.worker())
    assert starts_ms(world.engine.results()) == ["00.000", "01.000", "02.000"]


async def test_a_worker_ends_though_a_call_to_the_model_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (waiting, fuse_loop):
        monkeypatch.setattr(module, "LAST_CALL_S", 0.05)
    compute = Silent()
    world = World(compute=compute)
    feed_seconds(world, 2)
    worker = await world.worker()
    await world.engine.deliver(worker)
    await compute.asked.wait()
    async with asyncio.timeout(5):
        await worker.drain()
    assert world.engine.results() == []


async def test_what_the_model_refuses_for_good_ends_the_worker() -> None:
    world = World(compute=Unreliable(encode_failures=1, error=Gone))
    feed_seconds(world, 1)
    with pytest.raises(Gone):
        await world.flush(await world.worker())


async def test_a_chunk_that_is_no_longer_wanted_is_not_waited_for() -> None:
    compute = Unreliable(encode_failures=1_000_000)
    world = World(compute=compute)
    feed_seconds(world, 1)
    worker = await world.worker()
    settling = asyncio.create_task(world.settle(worker))
    await compute.failed.wait()
    await worker.on_revoked([VOICE, WORDS])
    async with asyncio.timeout(5):
        await settling
    assert world.engine.results() == []


class Silent(FakeCompute):
    """Never answers a call to fuse."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


class Stand(FakeCompute):
    """Every other window is answered by another model."""

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        other = ModelRef("other", "2", "11")
        answers = await super().fuse(windows)
        return [
            Fusion(a.tasks, a.modalities, other if w.start_us % 2_000_000 else None)
            for w, a in zip(windows, answers, strict=True)
        ]


async def test_a_result_names_the_model_that_really_answered() -> None:
    world = World(compute=Stand())
    feed_seconds(world, 4)
    await world.flush(await world.worker())
    assert [r.model.name for r in world.engine.results()] == ["fake", "other", "fake", "other"]


async def test_windows_that_another_model_answered_are_counted_by_its_name() -> None:
    world = World(compute=Stand())
    feed_seconds(world, 4)
    worker = await world.worker()
    await world.flush(worker)
    labels = {"pipeline": "p", "model": "other"}
    registry = worker._metrics.registry
    assert registry.get_sample_value("sensorium_model_stood_in_total", labels) == 2
