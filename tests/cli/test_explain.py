"""`sensorium explain` as a user meets it: a page, an object, or one line that says why not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from schemas.pipeline_file import load_pipeline
from schemas.settings import KafkaSettings
from streams.stack import Stack
from streams.stack.component import free_port
from tests.cli.conftest import Sensorium
from tests.workers.explained import START_US, pipeline_tree
from tests.workers.explained_topics import SECRET, SESSION, publish
from workers.cli.failures import FAILED, WRONG_USAGE

WINDOW = "2026-03-01T12:00:02Z"


@pytest.fixture
def pipeline_file(tmp_path: Path, unique_name: Callable[[str], str]) -> str:
    """A pipeline that nobody else has."""
    path = tmp_path / "rig.yaml"
    path.write_text(yaml.safe_dump(pipeline_tree(unique_name("rig"))))
    return str(path)


@pytest.fixture
def published(on_stack: Stack, pipeline_file: str) -> str:
    """The same, with the window and its neighbours on its topics."""
    kafka = KafkaSettings(bootstrap=on_stack.kafka_bootstrap)
    asyncio.run(publish(load_pipeline(pipeline_file), kafka))
    return pipeline_file


@pytest.mark.integration
def test_a_page_of_head_sensors_picture_and_findings(sensorium: Sensorium, published: str) -> None:
    done = sensorium("explain", SESSION, WINDOW, "-p", published)
    assert (done.status, done.err) == (0, "")
    assert "window     2026-03-01T12:00:02.000Z to 12:00:04.000Z (2 s)" in done.out
    assert "┃█ used" in done.out
    assert "- mic.right is absent: it was never seen before the window ended." in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 100


@pytest.mark.integration
def test_one_object_with_the_same_facts(sensorium: Sensorium, published: str) -> None:
    done = sensorium("explain", SESSION, WINDOW, "-p", published, "--json")
    (line,) = done.out.splitlines()
    found = json.loads(line)
    assert found["window"]["start_us"] == START_US
    assert [one["revision"] for one in found["revisions"]] == [0, 1]
    assert {one["name"]: one["use"]["absent"] for one in found["sensors"]}["asr"] == "idle"
    assert "mic.left covers 50% of the window." in found["findings"]


@pytest.mark.integration
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["page", "json"])
def test_no_payload_is_printed(form: tuple[str, ...], sensorium: Sensorium, published: str) -> None:
    done = sensorium("explain", SESSION, WINDOW, "-p", published, *form)
    assert done.status == 0
    assert SECRET.decode() not in done.out


@pytest.mark.integration
@pytest.mark.parametrize("window", ["1772366402000", "1772366402000000"])
def test_a_window_can_be_named_by_a_number(
    window: str, sensorium: Sensorium, published: str
) -> None:
    done = sensorium("explain", SESSION, window, "-p", published, "--json")
    assert json.loads(done.out)["window"]["start_us"] == START_US


@pytest.mark.integration
def test_an_unknown_window_is_told_with_those_nearby(sensorium: Sensorium, published: str) -> None:
    done = sensorium("explain", SESSION, "2026-03-01T12:00:03Z", "-p", published)
    assert done.status == FAILED
    assert "'s-1': expected a window with a result, got '2026-03-01T12:00:03Z'; near it" in (
        done.complaint
    )
    assert "2026-03-01T12:00:02.000Z, 2026-03-01T12:00:04.000Z" in done.complaint


@pytest.mark.integration
def test_an_unknown_session_is_told_with_where_it_was_looked_for(
    sensorium: Sensorium, published: str
) -> None:
    done = sensorium("explain", "nobody", "last", "-p", published)
    assert done.status == FAILED
    assert "'nobody': expected a session with results, got none of it in" in done.complaint


@pytest.mark.integration
def test_topics_that_do_not_exist(
    sensorium: Sensorium, on_stack: Stack, pipeline_file: str
) -> None:
    done = sensorium("explain", SESSION, "last", "-p", pipeline_file)
    assert done.status == FAILED
    assert ".results: expected a topic, got none of that name" in done.complaint


@pytest.mark.integration
def test_a_partition_that_the_topic_does_not_have(sensorium: Sensorium, published: str) -> None:
    done = sensorium("explain", SESSION, WINDOW, "-p", published, "--partition", "99")
    assert done.status == FAILED
    assert "expected a partition below" in done.complaint
    assert "got 99" in done.complaint


@pytest.mark.integration
def test_without_topics_of_any_shipped_pipeline_all_are_named(
    sensorium: Sensorium,
    on_stack: Stack,
    pipeline_file: str,
    own_pipeline: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped = {name: Path(name) for name in (pipeline_file, own_pipeline[0])}
    monkeypatch.setattr("schemas.pipeline_file.shipped_pipelines", lambda: shipped)
    done = sensorium("explain", SESSION, WINDOW)
    assert done.status == FAILED
    names = ", ".join(load_pipeline(name).pipeline for name in shipped)
    assert f"'s-1': expected topics of a shipped pipeline ({names})" in done.complaint


@pytest.mark.integration
def test_without_a_pipeline_the_one_that_has_the_session_is_found(
    sensorium: Sensorium,
    published: str,
    own_pipeline: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped = {own_pipeline[0]: Path(own_pipeline[0]), published: Path(published)}
    monkeypatch.setattr("schemas.pipeline_file.shipped_pipelines", lambda: shipped)
    done = sensorium("explain", SESSION, WINDOW, "--json")
    assert json.loads(done.out)["pipeline"] == load_pipeline(published).pipeline


def test_a_window_that_is_none(sensorium: Sensorium) -> None:
    done = sensorium("explain", SESSION, "soon", "-p", "call")
    assert done.status == WRONG_USAGE
    assert "WINDOW: expected 'last', a result's id, or the window's start" in done.complaint


def test_a_broker_that_does_not_answer(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("SENSORIUM_KAFKA__BOOTSTRAP", nobody)
    done = sensorium("explain", SESSION, "last", "-p", "call")
    assert done.status == FAILED
    assert f"expected a Kafka broker at {nobody}" in done.complaint
