"""A second model answers after the first, and never in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from schemas.pipeline import Pipeline
from schemas.result import ModelRef, Result, decode_result
from streams.align.types import Window
from streams.compute import Fusion
from streams.errors import PublishError
from streams.model_metrics import ModelMetrics
from streams.processor.shadow import Shadow
from tests.processor.fakes import MODEL, FakeCompute
from tests.processor.world import PIPELINE, World, feed_seconds, pipeline_with

SHADOW = ModelRef("fake", "shadow", "22")


class FakeShadow:
    """Answers as ``FakeCompute``, or ``always`` the same; fails where it is told so."""

    def __init__(self, always: str | None = None) -> None:
        self.model = SHADOW
        self.features = ""
        self.error: Exception | None = None
        self.asked = 0
        self.incomplete = False
        self._always = always
        self._compute = FakeCompute()
        self.gate = self._compute.gate

    def takes(self, features: str) -> bool:
        return features == self.features

    async def fuse(self, windows: Sequence[Window], features: str) -> Sequence[Fusion | None]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        answers: list[Fusion | None] = list(await self._compute.fuse(windows))
        if self._always is not None:
            tasks = {"noise": {"loud": 0.0, "calm": 0.0, self._always: 1.0}}
            answers = [Fusion(tasks, {}) for _ in windows]
        if self.incomplete:
            answers[0] = None
        return answers


class WatchedMetrics(ModelMetrics):
    """``moved`` is set whenever windows are counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        super().__init__(self.registry, "p")
        self.moved = asyncio.Event()

    def shadow_windows(self, outcome: str, count: int) -> None:
        super().shadow_windows(outcome, count)
        self.moved.set()


class Shadowed(World):
    """A world with a shadow that had its turn once ``turn`` returns."""

    def __init__(
        self, model: FakeShadow, timeout_s: float = 5.0, pipeline: Pipeline = PIPELINE
    ) -> None:
        self.watched = WatchedMetrics()
        shadow = Shadow(pipeline, model, self.watched, timeout_s=timeout_s)
        super().__init__(pipeline, shadow=shadow)

    def count(self, outcome: str) -> float:
        labels = {"pipeline": "p", "outcome": outcome}
        return self.watched.registry.get_sample_value("sensorium_shadow_windows_total", labels) or 0

    def metric(self, name: str, **labels: str) -> float:
        labels = {"pipeline": "p", "task": "noise", **labels}
        return self.watched.registry.get_sample_value(name, labels) or 0

    async def counted(self, windows: int, *outcomes: str) -> None:
        """Wait until so many windows had one of these outcomes."""
        async with asyncio.timeout(10):
            while sum(map(self.count, outcomes)) < windows:
                self.watched.moved.clear()
                await self.watched.moved.wait()

    def shadows(self) -> list[Result]:
        return [decode_result(one.value or b"") for one in self.engine.on("shadow")]


async def run(world: Shadowed, seconds: int = 4, payload: bytes = b"calm") -> None:
    feed_seconds(world, seconds, voice=payload)
    await world.flush(await world.worker())


async def test_every_final_window_is_answered_again_under_its_id() -> None:
    world = Shadowed(FakeShadow())
    await run(world)
    await world.counted(4, "published")
    assert [one.id for one in world.shadows()] == [one.id for one in world.engine.results()]
    assert {one.model for one in world.shadows()} == {SHADOW}
    assert {one.model for one in world.engine.results()} == {MODEL}


async def test_the_same_model_agrees_in_every_window() -> None:
    world = Shadowed(FakeShadow())
    await run(world)
    await world.counted(4, "published")
    assert world.metric("sensorium_shadow_labels_total", equal="true") == 4
    assert world.metric("sensorium_shadow_labels_total", equal="false") == 0
    assert world.metric("sensorium_shadow_difference_ratio_sum") == 0


async def test_another_answer_is_counted_as_such() -> None:
    world = Shadowed(FakeShadow(always="loud"))
    await run(world)
    await world.counted(4, "published")
    assert world.metric("sensorium_shadow_labels_total", equal="false") == 4
    assert world.metric("sensorium_shadow_difference_ratio_sum") == 4


async def test_a_shadow_that_fails_is_counted_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = FakeShadow()
    model.error = RuntimeError("no such weight")
    world = Shadowed(model)
    await run(world)
    await world.counted(4, "failed")
    assert len(world.engine.results()) == 4
    assert len([one for one in caplog.records if "no such weight" in one.getMessage()]) == 1


async def test_a_shadow_that_never_answers_is_given_up() -> None:
    model = FakeShadow()
    model.gate.clear()
    world = Shadowed(model, 0.02)
    await run(world)
    await world.counted(4, "failed")
    assert len(world.engine.results()) == 4


async def test_results_are_published_while_the_shadow_has_not_answered() -> None:
    model = FakeShadow()
    model.gate.clear()
    world = Shadowed(model)
    await run(world)
    assert (len(world.engine.results()), world.shadows()) == (4, [])
    model.gate.set()
    await world.counted(4, "published")


async def test_what_a_slow_shadow_cannot_keep_up_with_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = FakeShadow()
    model.gate.clear()
    world = Shadowed(model)
    monkeypatch.setattr(world.shadow, "_max_waiting", 2)
    processor = await world.worker()
    for seconds in range(1, 9):
        whole = World()
        feed_seconds(whole, seconds)
        world.engine.log = whole.engine.log
        await world.settle(processor)
    await world.flush(processor)
    assert len(world.engine.results()) == 8
    model.gate.set()
    await world.counted(8 - int(world.count("dropped")), "published")
    assert world.count("dropped") > 0
    assert len(world.shadows()) == 8 - world.count("dropped")


async def test_a_shadow_that_cannot_use_the_features_is_not_asked() -> None:
    model = FakeShadow()
    model.features = "others"
    world = Shadowed(model)
    await run(world)
    assert (world.count("other_features"), model.asked) == (4, 0)


async def test_a_window_whose_features_are_not_all_there_is_left_out() -> None:
    model = FakeShadow()
    model.incomplete = True
    world = Shadowed(model)
    await run(world)
    await world.counted(4, "incomplete", "published")
    assert world.count("incomplete") > 0
    assert len(world.shadows()) == world.count("published")


async def test_a_broker_that_refuses_shadows_still_gets_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = Shadowed(FakeShadow())
    publish = world.engine.publish

    async def refusing(records):  # type: ignore[no-untyped-def]
        if any(record.topic == PIPELINE.shadow_topic for record in records):
            raise PublishError("expected an acknowledgement, got none")
        await publish(records)

    monkeypatch.setattr(world.engine, "publish", refusing)
    await run(world)
    await world.counted(4, "failed")
    assert len(world.engine.results()) == 4


async def test_a_worker_that_drains_does_not_wait_for_its_shadow() -> None:
    model = FakeShadow()
    model.gate.clear()
    world = Shadowed(model)
    processor = await world.worker()
    feed_seconds(world, 4)
    await world.settle(processor)
    async with asyncio.timeout(5):
        await processor.drain()
    assert (len(world.engine.results()), world.count("dropped")) == (3, 3)


async def test_an_early_result_is_not_for_the_shadow() -> None:
    world = Shadowed(FakeShadow(), pipeline=pipeline_with(results={"early_after": "200ms"}))
    processor = await world.worker()
    for at_ms in (0, 500, 1_400):
        world.engine.feed("voice", at_ms)
    await world.settle(processor)
    for at_ms in (400, 1_200):
        world.engine.feed("words", at_ms)
    await world.settle(processor)
    await world.counted(1, "published")
    assert [one.final for one in world.engine.results()] == [False, True]
    assert [one.final for one in world.shadows()] == [True]
