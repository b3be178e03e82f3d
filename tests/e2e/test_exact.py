"""Every window of the shared workload is exact, and final once, through broker and worker."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.units import US_PER_MS, iso_to_us
from tests.e2e.harness import Site, site
from tests.e2e.probe import given, named

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

#: Session and start of a window in epoch milliseconds.
WindowId = tuple[str, int]
#: As the workload makes them: arrival_ms, ts_ms, session, modality, sequence.
Event = tuple[float, int, int, str, int]


@dataclass(frozen=True)
class Recording:
    """What is asked of the workload, and what is done to it.

    ``words_late_ms``: transcripts arrive so much later. ``silent``: a sensor that sends nothing in
    the second half. ``fast``: how many times as often the first session's sensors send.
    ``ahead_ms``: by how much the audio's clock is wrong, which the pipeline puts right.
    """

    seed: int = 7
    sessions: int = 200
    seconds: int = 60
    words_late_ms: int = 0
    silent: str | None = None
    fast: int = 1
    ahead_ms: int = 0

    def events(self, work: Any) -> list[Event]:
        """The recording in order of arrival."""
        work.SEED, work.N_SESSIONS, work.SECONDS = self.seed, self.sessions, self.seconds
        events: list[Event] = work.events()
        if self.fast > 1:
            usual = work.HZ
            work.HZ = {name: rate * self.fast for name, rate in usual.items()}
            work.N_SESSIONS = 1
            events = [one for one in events if one[2]] + work.events()
            work.HZ = usual
        middle_ms = work.T0 + self.seconds * 500
        return sorted(
            (arrival + self.words_late_ms * (name == "transcript"), ts, session, name, k)
            for arrival, ts, session, name, k in events
            if not (name == self.silent and ts >= middle_ms)
        )

    def pipeline(self, work: Any) -> Pipeline:
        wrong = {"audio": {"clock": {"offset": f"-{self.ahead_ms}ms"}}} if self.ahead_ms else {}
        return Pipeline.model_validate(
            {
                "pipeline": "exact",
                "partitions": work.PARTITIONS,
                "inputs": {
                    name: {
                        "modality": "series",
                        "sensors": [name],
                        "lateness": f"{work.GRACE_MS}ms",
                        **wrong.get(name, {}),
                    }
                    for name in work.MODS
                },
                "window": {"size": f"{work.WINDOW_MS}ms"},
                "model": {"name": "probe", "max_batch": 512},
            }
        )


def workload() -> Any:
    named = os.environ.get("SENSORIUM_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared"
    path = folder / "bench" / "workload.py"
    if not path.is_file():
        pytest.skip(f"no workload at {path}; SENSORIUM_SHARED may name the folder above bench")
    spec = importlib.util.spec_from_file_location("workload", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def feed(here: Site, work: Any, events: Sequence[Event], ahead_ms: int) -> None:
    """Records of key, value and timestamp alone, in order of arrival."""
    async with here.producing() as producer:
        for _, ts, session, name, k in events:
            await producer.send(
                here.pipeline.topic(name),
                work.payload(ts, session, name, k),
                work.session_name(session).encode(),
                partition=work.partition_of(session),
                timestamp_ms=ts + ahead_ms * (name == "audio"),
            )


def oracle(work: Any, events: Sequence[Event]) -> dict[WindowId, Counter[str]]:
    """What the model has to be given for each window."""
    index = {(s, name, k): ts for _, ts, s, name, k in events}
    sessions = {work.session_name(s): s for _, _, s, _, _ in events}
    return {
        window: Counter(
            f"{name}={named(work.payload(index[s, name, k], s, name, k))}"
            for name, numbers in members.items()
            for k in numbers
        )
        for window, members in work.oracle(events).items()
        for s in [sessions[window[0]]]
    }


def published(results: Sequence[Result]) -> dict[WindowId, Counter[str]]:
    """What the model was given for each window. A window that comes twice is an error."""
    assert all(one.final for one in results)
    windows = [(one.session, iso_to_us(one.window.start) // US_PER_MS) for one in results]
    twice = [window for window, count in Counter(windows).items() if count > 1]
    assert not twice, f"{len(twice)} windows came more than once, first {twice[:3]}"
    return {window: Counter(given(one)) for window, one in zip(windows, results, strict=True)}


def counted(results: Sequence[Result]) -> dict[str, int]:
    """Samples that the results say they are made of, by sensor."""
    total: Counter[str] = Counter()
    for one in results:
        total.update({name: use.samples for name, use in one.sensors.items()})
    return dict(total)


async def exact(recording: Recording, folder: Path) -> None:
    """Work a backlog off with one worker and compare every window with the oracle."""
    work = workload()
    events = recording.events(work)
    expected = oracle(work, events)
    with site(recording.pipeline(work), folder) as here:
        await feed(here, work, events, recording.ahead_ms)
        here.start_worker("probe")
        results = await here.results(len(expected), timeout_s=240)
        stray = await here.collect("late", lambda records: True, settle_s=0.5)
    assert not stray
    differing = _differing(expected, published(results))
    assert not differing, f"{len(differing)} of {len(expected)} windows, first {differing[:3]}"
    assert counted(results) == Counter(name for _, _, _, name, _ in events)


def _differing(
    expected: Mapping[WindowId, Counter[str]], made: Mapping[WindowId, Counter[str]]
) -> list[WindowId]:
    return sorted(
        window
        for window in expected.keys() | made.keys()
        if expected.get(window) != made.get(window)
    )


async def test_a_small_backlog_of_the_shared_workload_is_exact(tmp_path: Path) -> None:
    await exact(Recording(sessions=20, seconds=12), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 8, 9, 10, 11, 12])
async def test_the_shared_workload_is_exact_on_any_seed(seed: int, tmp_path: Path) -> None:
    await exact(Recording(seed=seed), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recording",
    [
        pytest.param(Recording(words_late_ms=2_000), id="transcripts 2 s late"),
        pytest.param(Recording(silent="video"), id="video silent from the middle"),
        pytest.param(Recording(silent="transcript"), id="transcript silent from the middle"),
        pytest.param(Recording(fast=10), id="a session ten times as fast"),
        pytest.param(Recording(ahead_ms=300), id="audio clock 300 ms ahead"),
    ],
)
async def test_the_shared_workload_is_exact_in_spite_of_trouble(
    recording: Recording, tmp_path: Path
) -> None:
    await exact(recording, tmp_path)
