"""One recording, read in many ways: the same final results, ids and content, none missing.

Content is a whole result but its ``timings``. How long a sensor may be silent is left out of it
here: the pipelines wait for a minute, and the end of each session is said. What the shipped
settings do is in ``test_disturbed``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.ways import (
    Outcome,
    Recording,
    Way,
    as_backlog,
    broker_frozen,
    broker_restarted,
    killed_and_wiped,
    killed_three_times,
    live,
    outcome_of,
    wiped,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SHORT = Recording("call", "probe", sessions=4, seconds=15, speed=3)
LONG = Recording("call", "probe", sessions=6, seconds=60, speed=3)
FUSED = Recording("call", "shipped", sessions=4, seconds=60, speed=1.5)

_REFERENCES: dict[Recording, Outcome] = {}


async def reference(recording: Recording, folder: Path) -> Outcome:
    """The outcome of one worker and a backlog, worked out once."""
    if recording not in _REFERENCES:
        found = await outcome_of(as_backlog(1), recording, folder / "reference")
        assert len(found.results) == recording.windows
        _REFERENCES[recording] = found
    return _REFERENCES[recording]


async def assert_same(
    way: Way, recording: Recording, folder: Path, *, durable: bool = False
) -> None:
    expected = await reference(recording, folder)
    found = await outcome_of(way, recording, folder / "run", durable=durable)
    assert found.results.keys() == expected.results.keys()
    differing = [one for one in expected.results if found.results[one] != expected.results[one]]
    assert not differing, (
        f"{len(differing)} results differ, the first:\n"
        f"{expected.results[differing[0]].decode()}\n{found.results[differing[0]].decode()}"
    )
    assert found.events == expected.events


async def test_a_redis_that_is_wiped_changes_no_result_of_a_short_recording(tmp_path: Path) -> None:
    await assert_same(wiped(1, 0.2), SHORT, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(as_backlog(2), id="backlog, 2 workers"),
        pytest.param(as_backlog(4), id="backlog, 4 workers"),
        pytest.param(live(1), id="live, 1 worker"),
        pytest.param(live(2), id="live, 2 workers"),
        pytest.param(live(4), id="live, 4 workers"),
        pytest.param(killed_three_times, id="live, killed three times"),
        pytest.param(wiped(2, 0.2, 0.5), id="live, Redis wiped twice"),
        pytest.param(killed_and_wiped, id="live, a worker killed and Redis wiped at once"),
        pytest.param(broker_frozen, id="live, broker frozen"),
    ],
)
async def test_a_recording_gives_the_same_results_however_it_is_read(
    way: Way, tmp_path: Path
) -> None:
    await assert_same(way, LONG, tmp_path)


@pytest.mark.slow
async def test_a_broker_that_restarts_with_its_log_changes_no_result(tmp_path: Path) -> None:
    await assert_same(broker_restarted, LONG, tmp_path, durable=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(as_backlog(2), id="backlog, 2 workers"),
        pytest.param(killed_three_times, id="live, killed three times"),
        pytest.param(wiped(2, 0.2, 0.5), id="live, Redis wiped twice"),
    ],
)
async def test_the_shipped_model_gives_the_same_results_and_events_however_it_is_fed(
    way: Way, tmp_path: Path
) -> None:
    await assert_same(way, FUSED, tmp_path)
