"""One pipeline's part of the demo: its scene, its feed, and the tally of what comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from schemas.event import Event
from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.settings import KafkaSettings
from streams.feed.delivery import FeedSummary
from streams.feed.item import FeedItem
from streams.feed.player import play
from streams.kafka_client import client_kwargs
from streams.scenes.rig import SimulatedScene
from streams.scenes.truth import expected_windows
from streams.subscribe import subscribe_events, subscribe_results
from streams.topic_ends import read_to_end
from workers.demo.tally import Tally

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Act:
    """A scene to be played into a pipeline ``speed`` times as fast as its own time.

    ``suffix`` is added to the scene's session keys, so that two runs on one broker are apart.
    """

    #: As ``--pipeline`` takes it.
    named: str
    pipeline: Pipeline
    scene: SimulatedScene
    speed: float
    tally: Tally
    suffix: str

    def items(self) -> Iterator[FeedItem]:
        """The scene's samples, with this run's session keys."""
        if not self.suffix:
            return self.scene.items()
        return (replace(item, session=item.session + self.suffix) for item in self.scene.items())

    async def feed(self, kafka: KafkaSettings) -> None:
        """Play the scene to its end."""
        await play(
            self.items(),
            kafka=client_kwargs(kafka),
            pipeline=self.pipeline,
            speed=self.speed,
            end_sessions=True,
            on_progress=self._on_progress,
        )

    def _on_progress(self, summary: FeedSummary) -> None:
        self.tally.fed(summary.delivered, summary.seconds, time.monotonic())

    async def watch_results(
        self, kafka: KafkaSettings, *, from_beginning: bool, heard: Callable[[], None]
    ) -> None:
        """Take results in until cancelled, repeats too; ``heard`` is called for each."""
        sessions = self.tally.sessions
        results = subscribe_results(
            self.pipeline.pipeline, kafka=kafka, from_beginning=from_beginning, repeats=True
        )

        def take(result: Result) -> None:
            if result.session in sessions:
                self.tally.add_result(result, time.monotonic())
                heard()

        await _each(results, take)

    async def watch_events(self, kafka: KafkaSettings, *, from_beginning: bool) -> None:
        """Take changes of events in until cancelled, each once."""
        sessions = self.tally.sessions
        events = subscribe_events(
            self.pipeline.pipeline, kafka=kafka, from_beginning=from_beginning
        )

        def take(event: Event) -> None:
            if event.session in sessions:
                self.tally.add_event(event)

        await _each(events, take)

    async def count_dead_letters(self, kafka: KafkaSettings) -> None:
        """Count this run's dead letters; on a broker of its own also those without a key."""
        sessions = self.tally.sessions
        count = 0
        async with aclosing(read_to_end(self.pipeline.dlq_topic, kafka)) as records:
            async for record in records:
                if record.key is None:
                    count += not self.suffix
                else:
                    count += record.key.decode(errors="replace") in sessions
        self.tally.dead_letters = count


async def _each(items: AsyncGenerator[T, None], take: Callable[[T], None]) -> None:
    async with aclosing(items):
        async for item in items:
            take(item)


def make_act(
    named: str, pipeline: Pipeline, scene: SimulatedScene, *, speed: float, suffix: str
) -> Act:
    """An act with the truth of its scene, which is known before anything is played."""
    size_us = pipeline.window.size_us
    truth = {
        (session + suffix, start_us): scene.labels(session, start_us, start_us + size_us)
        for session, start_us in expected_windows(scene, pipeline)
    }
    first_due_us = next((item.due_us for item in scene.schedule()), 0)
    tally = Tally(
        pipeline.pipeline,
        truth=truth,
        size_us=size_us,
        speed=speed,
        first_due_us=first_due_us,
        samples_expected=sum(1 for _ in scene.schedule()),
    )
    return Act(named, pipeline, scene, speed, tally, suffix)


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they have ended, whatever they raise."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task


async def until_any_fails(work: Awaitable[T], *background: asyncio.Task[None]) -> T:
    """The work's outcome, unless a background task ends first: then what that one raised."""
    main = asyncio.ensure_future(work)
    try:
        await asyncio.wait({main, *background}, return_when=asyncio.FIRST_COMPLETED)
        for task in background:
            if task.done() and not main.done():
                task.result()
        return await main
    finally:
        main.cancel()
