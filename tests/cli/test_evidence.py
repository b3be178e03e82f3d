"""`sensorium evidence`: a page for each event that opens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Publish, Sensorium
from tests.insight.on_topics import CHUNKS_MS, EVENT, FRAMES_MS
from workers.cli.failures import WRONG_USAGE

NOW = ("--from-beginning", "--limit", "1", "--timeout", "30")


@pytest.mark.integration
def test_an_event_that_opens_gets_a_page_of_pictures(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    path = publish()
    out = tmp_path / "pages"
    done = sensorium("evidence", "-p", path, "--out", str(out), *NOW, "--json")
    assert (done.status, done.err) == (0, "")
    found = json.loads(done.out)
    (page,) = out.iterdir()
    assert found["page"] == str(page)
    assert found["event"]["name"] == EVENT
    assert found["agreement"]["same"]
    assert len(list(page.glob("*.png"))) == len(FRAMES_MS) + len(CHUNKS_MS)
    insight = json.loads(next(page.glob("*_mood-low.json")).read_text())
    assert insight["result_id"] == found["event"]["result_id"]
    assert (insight["task"], insight["label"]) == ("mood", "low")


@pytest.mark.integration
def test_without_json_an_event_is_a_row(
    sensorium: Sensorium, publish: Publish, tmp_path: Path
) -> None:
    path = publish()
    done = sensorium("evidence", "-p", path, "--out", str(tmp_path / "pages"), *NOW)
    head, row = done.out.splitlines()
    assert head.split("\t")[0] == "event"
    assert row.split("\t")[0] == EVENT


def test_an_unknown_event_is_answered_with_those_there_are(sensorium: Sensorium) -> None:
    done = sensorium("evidence", "-p", "call", "--event", "joy")
    assert done.status == WRONG_USAGE
    assert "--event: expected any of ['cancellation', 'escalation'], got ['joy']" in done.complaint


def test_a_size_that_is_none_is_wrong_usage(sensorium: Sensorium) -> None:
    done = sensorium("evidence", "-p", "call", "--max-size", "plenty")
    assert done.status == WRONG_USAGE
    assert "(such as '4MB'), got 'plenty'" in done.complaint
