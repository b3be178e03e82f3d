"""Tracks are the same, ids and boxes, however a drive is read and whoever dies meanwhile.

The model's state of a session is in Redis and in a header of its results: here one worker follows
the drives in a backlog, and others live, killed, or with Redis wiped.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.object_events import ObjectEvent
from schemas.result import decode_result
from tests.e2e.drives import Drives
from tests.e2e.ways import (
    Outcome,
    Way,
    as_backlog,
    killed_and_wiped,
    killed_three_times,
    live,
    outcome_of,
    wiped,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.slow]

DRIVES = Drives("drive", "shipped", sessions=6, seconds=40, speed=2)

_REFERENCE: list[Outcome] = []


async def reference(folder: Path) -> Outcome:
    """The outcome of one worker and a backlog, worked out once."""
    if not _REFERENCE:
        _REFERENCE.append(await outcome_of(as_backlog(1), DRIVES, folder / "reference"))
    return _REFERENCE[0]


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(as_backlog(3), id="backlog, 3 workers"),
        pytest.param(live(1), id="live, 1 worker"),
        pytest.param(live(3), id="live, 3 workers"),
        pytest.param(killed_three_times, id="live, killed three times"),
        pytest.param(wiped(1, 0.2, 0.5), id="live, Redis wiped twice"),
        pytest.param(killed_and_wiped, id="live, a worker killed and Redis wiped at once"),
    ],
)
async def test_tracks_are_the_same_however_a_drive_is_read(way: Way, tmp_path: Path) -> None:
    expected = await reference(tmp_path)
    found = await outcome_of(way, DRIVES, tmp_path / "run")
    assert found.results == expected.results
    assert found.events == expected.events


async def test_the_drives_have_tracks_that_open_move_and_close(tmp_path: Path) -> None:
    """What the others compare is worth comparing."""
    found = await reference(tmp_path)
    assert len(found.results) == DRIVES.windows
    ids = {
        each.object_id
        for body in found.results.values()
        for each in (decode_result(body).objects or ())
    }
    assert len(ids) > 20
    changes = [each for each in found.events.values() if isinstance(each, ObjectEvent)]
    opened, closed = (
        {each.object.object_id for each in changes if each.action == action}
        for action in ("opened", "closed")
    )
    assert opened == closed
    assert opened <= ids
