"""Fed, recorded and aligned: the windows of the file are the windows of the stream."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from schemas.pipeline import Pipeline
from schemas.units import iso_to_us
from streams.errors import TopicError
from streams.feed.item import FeedItem
from streams.feed.recorded import recorded_playable
from streams.record.handover import Handover
from streams.record.reader import contents, read_recording
from streams.record.recorder import record_topics
from streams.record.writer import Writer, channels_of
from streams.records import Record
from streams.stack import Stack
from tests.e2e.harness import Site, site
from tests.e2e.probe import given
from tests.e2e.small import START_US, a_pipeline, an_input, worker_on
from workers.offline import read_windows
from workers.offline.run import align_recording

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


def make_pipeline() -> Pipeline:
    """One whose topics nobody else has."""
    return a_pipeline(
        {
            "words": an_input("text", "asr"),
            "notes": an_input("text", "pen", matcher={"kind": "hold", "max_age": "2s"}),
        },
        {"size": "500ms"},
        partitions=2,
    )


def recording() -> list[FeedItem]:
    """Two sessions; words at uneven times, and notes now and then."""
    items = []
    for number, session in enumerate(("call-a", "call-b")):
        for k, at_ms in enumerate((0, 130, 480, 500, 990, 1200, 1777, 2300)):
            said = f"{session}-{at_ms}".encode()
            items.append(_text(session, "words", "asr", at_ms + 37 * number, said, k))
        for k, at_ms in enumerate((400, 1900)):
            items.append(_text(session, "notes", "pen", at_ms, f"n-{at_ms}".encode(), k))
    return sorted(items, key=lambda item: item.due_us)


def _text(session: str, input: str, sensor: str, at_ms: int, payload: bytes, k: int) -> FeedItem:
    at_us = START_US + at_ms * 1_000
    return FeedItem(session, input, sensor, at_us, at_us, "text/plain", payload, k, at_us)


Windows = dict[tuple[str, int], list[str]]


def of_folder(folder: Path) -> Windows:
    """Session and start of each window -> ``sensor=payload`` of its samples."""
    return {
        (window.session, window.start_us): [
            f"{sample.sensor}={sample.feature.decode()}" for sample in window.samples
        ]
        for window in read_windows(folder)
    }


async def record(here: Site, path: Path, *outputs: str) -> list[Record]:
    """All records of the inputs, and of some outputs, up to their end; those of ``words`` by
    partition and offset.
    """
    channels = channels_of(here.pipeline, [*here.pipeline.inputs], outputs)
    with Writer(path, here.pipeline, channels) as file:
        await record_topics(
            [*channels],
            here.settings.kafka,
            file,
            Handover(here.pipeline),
            stop=asyncio.Event(),
            until_end=True,
        )
    topic = here.pipeline.topic("words")
    found = [one.record for one in read_recording([path], [topic])]
    return sorted(found, key=lambda one: (one.partition, one.offset))


async def test_what_is_aligned_from_a_recording_is_what_the_stream_fused(
    tmp_path: Path, stack: Stack
) -> None:
    path, folder = tmp_path / "calls.mcap", tmp_path / "windows"
    async with worker_on(make_pipeline(), tmp_path, stack, recording()) as here:
        await here.end_sessions(["call-a", "call-b"])
        results = await here.results(10)
        await record(here, path, "results", "dlq")
        played, _ = recorded_playable([path], here.pipeline, start="recorded", now_us=0)
        await align_recording(played.items(), here.pipeline, folder)
    assert of_folder(folder) == {
        (one.session, iso_to_us(one.window.start)): given(one) for one in results if one.final
    }
    counts = {topic.partition(".")[2]: count for topic, count in contents(path).counts.items()}
    # The marks that both sessions are over are records of the inputs, too.
    assert counts == {"words": 16 + 2, "notes": 4 + 2, "results": len(results), "dlq": 0}


async def test_a_recording_that_is_fed_again_is_recorded_to_the_same_records(
    tmp_path: Path, stack: Stack
) -> None:
    first = tmp_path / "first.mcap"
    with site(make_pipeline(), tmp_path, stack) as here:
        await here.feed(recording())
        once = await record(here, first)
        played, _ = recorded_playable([first], here.pipeline, start="recorded", now_us=0)
        await here.feed(played.items())
        twice = await record(here, tmp_path / "second.mcap")
    first_of_all = {one.partition: one.offset for one in reversed(once)}
    ends = {one.partition: one.offset + 1 for one in once}
    again = [one for one in twice if one.offset >= ends[one.partition]]
    assert (len(once), len(twice), set(first_of_all.values())) == (16, 32, {0})
    assert [
        msgspec.structs.replace(one, offset=one.offset - ends[one.partition]) for one in again
    ] == once


async def test_records_from_before_are_left_out_unless_asked_for(
    tmp_path: Path, stack: Stack
) -> None:
    with site(make_pipeline(), tmp_path, stack) as here:
        await here.feed(recording())
        path, stop = tmp_path / "live.mcap", asyncio.Event()
        topic = here.pipeline.topic("words")
        with Writer(path, here.pipeline, channels_of(here.pipeline, ["words"], [])) as file:
            began = asyncio.Event()
            recording_now = asyncio.create_task(
                record_topics(
                    [topic],
                    here.settings.kafka,
                    file,
                    Handover(here.pipeline),
                    stop=stop,
                    on_progress=lambda: stop.set() if file.totals.records else began.set(),
                )
            )
            await asyncio.wait_for(began.wait(), 30)
            await here.feed([_text("call-c", "words", "asr", 0, b"new", 0)])
            await asyncio.wait_for(recording_now, 30)
    assert [one.record.value for one in read_recording([path])] == [b"new"]


async def test_a_recording_ends_after_its_duration(tmp_path: Path, stack: Stack) -> None:
    with site(make_pipeline(), tmp_path, stack) as here:
        await here.feed(recording())
        path, pipeline = tmp_path / "short.mcap", here.pipeline
        with Writer(path, pipeline, channels_of(pipeline, ["words"], [])) as file:
            async with asyncio.timeout(30):
                await record_topics(
                    [pipeline.topic("words")],
                    here.settings.kafka,
                    file,
                    Handover(pipeline),
                    stop=asyncio.Event(),
                    from_beginning=True,
                    duration_s=1.0,
                )
    assert not contents(path).cut_short


async def test_a_topic_that_is_not_there_is_one_line(tmp_path: Path, stack: Stack) -> None:
    with site(make_pipeline(), tmp_path, stack) as here:
        other = make_pipeline()
        path = tmp_path / "none.mcap"
        with (
            Writer(path, other, channels_of(other, ["words"], [])) as file,
            pytest.raises(TopicError, match=r"\.words: expected a topic, got none of that name"),
        ):
            await record_topics(
                [other.topic("words")],
                here.settings.kafka,
                file,
                Handover(other),
                stop=asyncio.Event(),
            )


def test_a_recording_is_not_replaced_where_a_topic_is_missing(tmp_path: Path, stack: Stack) -> None:
    path = tmp_path / "earlier.mcap"
    path.write_bytes(b"an earlier recording")
    with site(make_pipeline(), tmp_path, stack) as here:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "workers.cli", "record", "-p", "call-real"),
                *("--out", str(path), "--force", "--until-end"),
            ],
            env=here.environ,
            capture_output=True,
            check=False,
        )
    assert b"call-real.audio: expected a topic" in done.stderr
    assert path.read_bytes() == b"an earlier recording"


def test_ctrl_c_completes_the_file(tmp_path: Path, stack: Stack) -> None:
    path = tmp_path / "big.mcap"
    filler = [
        _text("call-a", "words", "asr", k, bytes([97 + k % 20]) * 700_000, k) for k in range(8)
    ]
    with site(make_pipeline(), tmp_path, stack) as here:
        asyncio.run(here.feed(filler))
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "workers.cli", "record", "-p", here.pipeline_arg),
                *("--out", str(path), "--from-beginning", "--compression", "none", "--json"),
            ],
            env=here.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            deadline = time.monotonic() + 60
            # A chunk is on the disk: it is recording.
            while not (path.is_file() and path.stat().st_size > 3_000_000):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            if process.poll() is None:
                process.kill()
    assert (process.returncode, err) == (0, b"")
    held = contents(path)
    assert not held.cut_short
    assert sum(held.counts.values()) == json.loads(out)["records"] > 0
