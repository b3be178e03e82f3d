"""Which events get a page, and what becomes of those that cannot be explained."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import msgspec
import pytest

from schemas.event import Event
from schemas.settings import KafkaSettings
from streams.stack import Stack
from tests.insight.test_album import event
from tests.insight.windows import AddingModel
from tests.workers.explained import pipeline
from tests.workers.explained_topics import publish
from workers.insight import following
from workers.insight.album import Album
from workers.insight.following import Kept, keep_evidence


async def kept(
    events: list[Event], kafka: KafkaSettings, folder: Path, name: str = "rig", **wanted: list[str]
) -> list[Kept]:
    async def come() -> AsyncGenerator[Event, None]:
        for one in events:
            yield one

    album = Album(folder, most_pages=9, most_bytes=10**9)
    pages = keep_evidence(come(), pipeline(name), AddingModel(), kafka, album, **wanted)
    return [one async for one in pages]


NOBODY = KafkaSettings(bootstrap="127.0.0.1:1")


@pytest.mark.parametrize("action", ["updated", "closed"])
async def test_only_events_that_open_are_asked_about(action: str, tmp_path: Path) -> None:
    # A broker that nobody serves would be an error.
    changed = msgspec.structs.replace(event(0), action=action)
    assert await kept([changed], NOBODY, tmp_path) == []


async def test_events_of_other_names_and_sessions_are_not_asked_about(tmp_path: Path) -> None:
    assert await kept([event(0)], NOBODY, tmp_path, names=["far"]) == []
    assert await kept([event(0)], NOBODY, tmp_path, sessions=["s-2"]) == []


@pytest.mark.integration
async def test_an_event_whose_result_is_not_there_is_passed_over(
    stack: Stack,
    unique_name: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(following, "_PAUSE_S", 0.01)
    kafka, name = KafkaSettings(bootstrap=stack.kafka_bootstrap), unique_name("rig")
    await publish(pipeline(name), kafka)
    with caplog.at_level(logging.WARNING):
        assert await kept([event(0)], kafka, tmp_path, name) == []
    assert "event e-0 is passed over: 's-1': expected a result of its window at" in caplog.text
