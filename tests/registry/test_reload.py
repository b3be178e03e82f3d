"""Another active version takes over, or is refused and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from streams.metrics import Metrics
from tests.registry.conftest import NAME, Shelf, a_pipeline, damage
from workers.inference.compute import ModelCompute
from workers.registry.board import Notice
from workers.registry.candidate import open_first
from workers.registry.choice import Choice, choose
from workers.registry.reload import Reloader, to_try


class FakeBoard:
    """Keeps the last notice; ``until`` waits for one."""

    def __init__(self) -> None:
        self.last: Notice | None = None
        self._posted = asyncio.Condition()

    async def post(self, notice: Notice) -> None:
        async with self._posted:
            self.last = notice
            self._posted.notify_all()

    async def withdraw(self, worker: str) -> None:
        self.last = None

    async def until(self, holds: Callable[[Notice], bool]) -> Notice:
        async with asyncio.timeout(30), self._posted:
            await self._posted.wait_for(lambda: self.last is not None and holds(self.last))
        assert self.last is not None
        return self.last


class Worker:
    """A reloader, and a processor that takes every model or, ``draining``, none."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.board = FakeBoard()
        self.metrics = Metrics("test")
        self.exchanged: list[ModelCompute] = []
        self.draining = False

    async def exchange(self, compute: ModelCompute) -> bool:
        if not self.draining:
            self.exchanged.append(compute)
        return not self.draining

    def metric(self, name: str, **labels: str) -> float:
        found = self.metrics.registry.get_sample_value(name, {"pipeline": "test", **labels})
        return found or 0.0

    @asynccontextmanager
    async def running(self, **model: str) -> AsyncIterator[Reloader]:
        pipeline, settings = a_pipeline(**model), self.shelf.worker()
        self.reloader = Reloader(
            pipeline,
            settings,
            await open_first(pipeline, settings),
            owner="w",
            exchange=self.exchange,
            metrics=self.metrics.models,
            board=self.board,  # type: ignore[arg-type]
        )
        task = asyncio.create_task(self.reloader.run())
        try:
            await self.board.until(lambda notice: True)
            yield self.reloader
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.reloader.close()


@pytest.fixture
def worker(shelf: Shelf) -> Worker:
    for version in ("1", "2", "3"):
        shelf.add(version)
    shelf.registry.activate(NAME, "1")
    return Worker(shelf)


def activate(worker: Worker, version: str) -> None:
    worker.shelf.registry.activate(NAME, version)


async def test_an_activated_version_takes_over(worker: Worker) -> None:
    async with worker.running():
        activate(worker, "2")
        notice = await worker.board.until(lambda notice: notice.version == "2")
    assert [one.model.version for one in worker.exchanged] == ["2"]
    assert (notice.digest, notice.refused) == (worker.exchanged[0].model.digest, None)


async def test_the_model_that_answers_is_a_metric(worker: Worker) -> None:
    async with worker.running():
        activate(worker, "2")
        notice = await worker.board.until(lambda notice: notice.version == "2")
        labels = {"model": NAME, "digest": notice.digest[:12]}
        assert worker.metric("sensorium_model_info", version="2", **labels) == 1
    assert worker.metric("sensorium_model_reloads_total", outcome="served") == 1


async def test_a_roll_back_takes_over_as_an_activation_does(worker: Worker) -> None:
    async with worker.running():
        activate(worker, "2")
        await worker.board.until(lambda notice: notice.version == "2")
        worker.shelf.registry.roll_back(NAME)
        await worker.board.until(lambda notice: notice.version == "1")
    assert [one.model.version for one in worker.exchanged] == ["2", "1"]


async def test_a_damaged_version_is_refused_and_the_former_one_goes_on(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    damage(worker.shelf.root / NAME / "2" / "model.safetensors")
    async with worker.running():
        activate(worker, "2")
        notice = await worker.board.until(lambda notice: notice.refused is not None)
        assert worker.metric("sensorium_model_refused") == 1
    assert (notice.version, notice.refused and notice.refused.version) == ("1", "2")
    assert worker.exchanged == []
    (line,) = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert "version 2 is refused, version 1 goes on" in line
    assert "digest mismatch" in line


async def test_a_refused_version_is_not_tried_again_at_every_look(worker: Worker) -> None:
    damage(worker.shelf.root / NAME / "2" / "model.safetensors")
    async with worker.running():
        activate(worker, "2")
        await worker.board.until(lambda notice: notice.refused is not None)
        for _ in range(3):
            seen = worker.board.last
            await worker.board.until(lambda notice, seen=seen: notice is not seen)  # type: ignore[misc]
    assert worker.metric("sensorium_model_reloads_total", outcome="refused") == 1


async def test_a_refused_version_that_was_mended_is_taken_when_it_is_activated_again(
    worker: Worker,
) -> None:
    weights = worker.shelf.root / NAME / "2" / "model.safetensors"
    damage(weights)
    async with worker.running():
        activate(worker, "2")
        await worker.board.until(lambda notice: notice.refused is not None)
        damage(weights)  # the same byte once more
        activate(worker, "2")
        notice = await worker.board.until(lambda notice: notice.version == "2")
    assert notice.refused is None
    assert worker.metric("sensorium_model_refused") == 0


async def test_a_refused_version_that_was_mended_is_taken_when_the_worker_is_woken(
    worker: Worker,
) -> None:
    weights = worker.shelf.root / NAME / "2" / "model.safetensors"
    damage(weights)
    async with worker.running() as reloader:
        activate(worker, "2")
        await worker.board.until(lambda notice: notice.refused is not None)
        damage(weights)
        reloader.wake()
        await worker.board.until(lambda notice: notice.version == "2")


async def test_a_refusal_is_over_once_the_version_that_serves_is_active_again(
    worker: Worker,
) -> None:
    damage(worker.shelf.root / NAME / "2" / "model.safetensors")
    async with worker.running():
        activate(worker, "2")
        await worker.board.until(lambda notice: notice.refused is not None)
        worker.shelf.registry.roll_back(NAME)
        await worker.board.until(lambda notice: notice.refused is None)
        assert worker.metric("sensorium_model_refused") == 0
    assert worker.exchanged == []


async def test_a_registry_that_cannot_be_read_changes_nothing(worker: Worker) -> None:
    async with worker.running():
        (worker.shelf.root / NAME / "active.json").write_text("{")
        notice = await worker.board.until(lambda notice: notice.refused is not None)
    assert notice.version == "1"
    assert worker.exchanged == []


async def test_an_activation_has_no_effect_on_a_pipeline_that_pins_its_version(
    worker: Worker,
) -> None:
    async with worker.running(version="1") as reloader:
        activate(worker, "2")
        seen = worker.board.last
        reloader.wake()
        await worker.board.until(lambda notice: notice is not seen)
    assert worker.exchanged == []


async def test_a_version_that_comes_while_the_worker_drains_is_closed(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = ModelCompute.close

    def counting(compute: ModelCompute) -> None:
        closed.append(compute.model.version)
        close(compute)

    monkeypatch.setattr(ModelCompute, "close", counting)
    worker.draining = True
    async with worker.running():
        activate(worker, "2")
        seen = worker.board.last
        await worker.board.until(lambda notice: notice is not seen and closed == ["2"])
        assert worker.board.last is not None
        assert worker.board.last.version == "1"
    assert closed[-1] == "1"


async def test_the_former_model_is_closed_after_the_exchange_and_the_last_one_at_the_end(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = ModelCompute.close

    def counting(compute: ModelCompute) -> None:
        closed.append(compute.model.version)
        close(compute)

    monkeypatch.setattr(ModelCompute, "close", counting)
    async with worker.running():
        activate(worker, "2")
        await worker.board.until(lambda notice: notice.version == "2")
        assert closed == ["1"]
    assert closed == ["1", "2"]


def test_only_another_activation_of_a_refused_version_is_tried(shelf: Shelf) -> None:
    shelf.add("1"), shelf.add("2")

    def chosen(version: str) -> Choice:
        shelf.registry.activate(NAME, version)
        return choose(a_pipeline().model, shelf.registry)

    serving, refused = chosen("1"), chosen("2")
    again = chosen("2")
    assert to_try(serving, refused, None)
    assert not to_try(serving, refused, refused)
    assert to_try(serving, again, refused)
    assert not to_try(serving, chosen("1"), refused)
