"""One recording and the ways to read it: live or as a backlog, with whatever disturbs it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from schemas.object_events import decode_any_event
from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.result import Result, Timings, encode_result
from streams.feed.item import FeedItem
from streams.scenes.catalog import make_scene
from streams.scenes.rig import SimulatedScene
from streams.scenes.truth import expected_windows
from streams.session_events import AnyEvent
from tests.e2e.durable_broker import durable_stack
from tests.e2e.harness import Model, Site, WorkerProcess, site

START_US = 1_790_000_040_000_000
#: Longer than the 2 s after which the broker takes a silent worker for dead.
FROZEN_S = 3.0


@dataclass(frozen=True)
class Recording:
    """A scene of a shipped pipeline, and the pace at which it is played live."""

    name: str
    model: Model
    sessions: int
    seconds: float
    speed: float

    @functools.cached_property
    def pipeline(self) -> Pipeline:
        """The shipped pipeline, but no sensor counts as idle within the run."""
        tree = load_pipeline(self.name).model_dump(mode="json")
        for spec in tree["inputs"].values():
            spec["idle_after"] = "60s"
        return Pipeline.model_validate(tree)

    @functools.cached_property
    def items(self) -> list[FeedItem]:
        return list(self._scene.items())

    @functools.cached_property
    def windows(self) -> int:
        return len(expected_windows(self._scene, self.pipeline))

    @property
    def session_names(self) -> Sequence[str]:
        return self._scene.sessions

    @functools.cached_property
    def _scene(self) -> SimulatedScene:
        return make_scene(
            self.name, sessions=self.sessions, seconds=self.seconds, seed=11, start_us=START_US
        )


@dataclass(frozen=True)
class Outcome:
    """What came of a run: result id -> its content; ids and content of event changes."""

    results: dict[str, bytes]
    events: dict[str, AnyEvent]


class Run:
    """One run of a recording on a site of its own."""

    def __init__(self, recording: Recording, here: Site) -> None:
        self.recording = recording
        self.here = here
        self._feeding: asyncio.Task[None] | None = None

    async def workers(self, count: int) -> list[WorkerProcess]:
        """Start so many and wait until each has partitions."""
        started = [self.here.start_worker(self.recording.model) for _ in range(count)]
        await asyncio.gather(*(one.ready() for one in started))
        return started

    async def backlog(self) -> None:
        """Have the whole recording in the broker."""
        await self.here.feed(self.recording.items)
        await self.here.end_sessions(self.recording.session_names)

    def play(self) -> None:
        """Begin to play it live."""
        self._feeding = asyncio.create_task(self._play())

    async def _play(self) -> None:
        await self.here.feed(self.recording.items, speed=self.recording.speed)
        await self.here.end_sessions(self.recording.session_names)

    async def played(self) -> None:
        """Wait for the end of the playing."""
        assert self._feeding is not None
        await self._feeding

    async def published(self, share: float) -> None:
        """Wait until this share of the windows has a result, so that the run is disturbed then."""
        count = int(share * self.recording.windows)
        found = await self.here.collect("results", lambda found: len(found) >= count, settle_s=0)
        assert len(found) < self.recording.windows, "over before it was disturbed; slow it down"

    async def outcome(self) -> Outcome:
        results = await self.here.results(self.recording.windows, timeout_s=120)
        changes = await self.here.collect("events", lambda found: True, settle_s=1.0)
        events = [
            decode_any_event(dict(one.headers)["ce_type"].decode(), one.value or b"")
            for one in changes
        ]
        return Outcome(contents(results), {event.id: event for event in events})


def contents(results: Sequence[Result]) -> dict[str, bytes]:
    """Id -> content; a repeat must say the same."""
    found: dict[str, bytes] = {}
    for one in results:
        assert one.final
        content = encode_result(msgspec.structs.replace(one, timings=Timings(0, 0.0, 0.0)))
        assert found.setdefault(one.id, content) == content, f"{one.id} repeats with other content"
    return found


# -- the ways ------------------------------------------------------------------------------------

Way = Callable[[Run], Awaitable[None]]


def as_backlog(workers: int) -> Way:
    async def way(run: Run) -> None:
        await run.backlog()
        await run.workers(workers)

    return way


def live(workers: int) -> Way:
    async def way(run: Run) -> None:
        await run.workers(workers)
        run.play()
        await run.played()

    return way


async def killed_three_times(run: Run) -> None:
    """Two workers; three times the longest serving one is killed -9, and another is started.

    The next is killed once there are more results: the others have taken over by then.
    """
    serving = await run.workers(2)
    run.play()
    for kill in range(3):
        await run.published((kill + 1) * 0.15)
        serving.pop(0).kill()
        serving.append(run.here.start_worker(run.recording.model))
    await run.played()


def wiped(workers: int, *shares: float) -> Way:
    """Live; Redis is wiped when these shares of the windows are published."""

    async def way(run: Run) -> None:
        await run.workers(workers)
        run.play()
        for share in shares:
            await run.published(share)
            run.here.stack.redis.wipe()
        await run.played()

    return way


async def killed_and_wiped(run: Run) -> None:
    first, _ = await run.workers(2)
    run.play()
    await run.published(0.2)
    first.kill()
    run.here.stack.redis.wipe()
    await run.played()


async def broker_frozen(run: Run) -> None:
    """The broker answers nobody for longer than a worker's session lasts."""
    await run.workers(2)
    run.play()
    await run.published(0.3)
    os.kill(run.here.stack.kafka.pid, signal.SIGSTOP)
    try:
        # The time without a broker is what is tested.
        await asyncio.sleep(FROZEN_S)
    finally:
        os.kill(run.here.stack.kafka.pid, signal.SIGCONT)
    await run.played()


async def broker_restarted(run: Run) -> None:
    """The broker is killed -9 and started again, twice, while workers have open windows.

    The feed pauses meanwhile: a producer that repeats what it has no answer for would make
    another recording of it.
    """
    await run.workers(2)
    items = run.recording.items
    thirds = [items[at * len(items) // 3 : (at + 1) * len(items) // 3] for at in range(3)]
    for part in thirds[:2]:
        await run.here.feed(part, speed=run.recording.speed)
        await asyncio.to_thread(run.here.stack.kafka.restart)
    await run.here.feed(thirds[2], speed=run.recording.speed)
    await run.here.end_sessions(run.recording.session_names)


@contextlib.asynccontextmanager
async def running(
    recording: Recording, folder: Path, *, durable: bool = False
) -> AsyncIterator[Run]:
    with (
        durable_stack(folder / "stack") if durable else contextlib.nullcontext() as stack,
        site(recording.pipeline, folder, stack) as here,
    ):
        yield Run(recording, here)


async def outcome_of(
    way: Way, recording: Recording, folder: Path, *, durable: bool = False
) -> Outcome:
    async with running(recording, folder, durable=durable) as run:
        await way(run)
        return await run.outcome()
