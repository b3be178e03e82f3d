"""Samples of a published window, found again on topics: those it used, and what cannot be found."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any, cast

import msgspec

from schemas.pipeline import Pipeline
from streams.records import OutRecord, Record
from tests.workers.explained import START_US, pipeline_tree, published, result, use
from tests.workers.explained_topics import SESSION, record, sample
from workers.explain.published import Published
from workers.explain.reader import PartitionReader
from workers.insight.rereading import MAX_LOOKED_BACK, Reread, reread


class FakeReader:
    """One partition of each topic, in memory. ``looked_at``: records that were given out."""

    def __init__(self, topics: dict[str, dict[int, Record]]) -> None:
        self._topics = topics
        self.looked_at = 0

    def partitions(self, topic: str) -> int:
        return 2 if topic in self._topics else 0

    async def end(self, topic: str, partition: int) -> int:
        return max(self._topics[topic], default=-1) + 1

    async def read(
        self, topic: str, partition: int, first: int, end: int
    ) -> AsyncGenerator[Record, None]:
        for offset in range(first, end):
            if offset in self._topics[topic]:
                self.looked_at += 1
                yield self._topics[topic][offset]


def cut_pipeline() -> Pipeline:
    """Words are cut at the windows' bounds."""
    tree = pipeline_tree("rig")
    tree["inputs"]["speech"] = {
        "modality": "text",
        "sensors": ["asr"],
        "matcher": {"kind": "overlap"},
        "content_type": "application/json",
    }
    return Pipeline.model_validate(tree)


def segment(spec: Pipeline, start_ms: int, length_ms: int) -> OutRecord:
    value = json.dumps({"text": "one two three four five six seven eight"}).encode()
    return sample(spec, "speech", "asr", start_ms, length_ms, value=value)


async def found(
    spec: Pipeline, topics: dict[str, dict[int, OutRecord]], told: Published, **more: Any
) -> tuple[Reread, FakeReader]:
    records = {
        spec.topic(name): {at: record(one, at) for at, one in own.items()}
        for name, own in topics.items()
    }
    reader = FakeReader(records)
    return await reread(cast(PartitionReader, reader), spec, 0, told, more.get("previous")), reader


def with_sensors(**sensors: Any) -> Published:
    return published(result(sensors={name.replace("_", "."): one for name, one in sensors.items()}))


async def test_the_samples_whose_offsets_the_result_names_are_read() -> None:
    spec = Pipeline.model_validate(pipeline_tree("rig"))
    chunks = {at: sample(spec, "audio", "mic.left", at * 200, 200) for at in range(5)}
    told = with_sensors(mic_left=use("audio", [(1, 2), (4, 4)]))
    read, _ = await found(spec, {"audio": chunks}, told)
    assert [one.offset for one in read.samples["mic.left"]] == [1, 2, 4]
    assert read.limits == []


async def test_of_nearest_only_the_chosen_one_is_read() -> None:
    spec = Pipeline.model_validate(pipeline_tree("rig"))
    frames = {at: sample(spec, "camera", "camera.front", at * 500) for at in range(4)}
    told = with_sensors(camera_front=use("camera", [(0, 3)], used=1, matched=2))
    read, _ = await found(spec, {"camera": frames}, told)
    assert [one.offset for one in read.samples["camera.front"]] == [2]


async def test_a_held_value_from_before_the_window_is_read() -> None:
    spec = Pipeline.model_validate(pipeline_tree("rig"))
    notes = {7: sample(spec, "notes", "pen", -60_000)}
    told = with_sensors(pen=use("notes", [], used=1, matched=7))
    read, _ = await found(spec, {"notes": notes}, told)
    assert [one.start_us for one in read.samples["pen"]] == [START_US - 60_000_000]


async def test_what_another_session_sent_is_not_read() -> None:
    spec = Pipeline.model_validate(pipeline_tree("rig"))
    mine = sample(spec, "audio", "mic.left", 0, 200)
    stranger = msgspec.structs.replace(mine, key=b"s-2")
    told = with_sensors(mic_left=use("audio", [(0, 1)], used=1))
    read, _ = await found(spec, {"audio": {0: mine, 1: stranger}}, told)
    assert [one.session for one in read.samples["mic.left"]] == [SESSION]


async def test_the_part_of_a_segment_that_began_before_the_window_is_found() -> None:
    spec = cut_pipeline()
    words = {3: segment(spec, -1_000, 2_000), 9: segment(spec, 1_200, 400)}
    told = with_sensors(asr=use("speech", [(9, 9)], used=2))
    read, _ = await found(spec, {"speech": words}, told)
    assert sorted(one.offset for one in read.samples["asr"]) == [3, 9]
    assert min(one.start_us for one in read.samples["asr"]) >= START_US
    assert read.limits == []


async def test_where_a_sensor_has_only_such_a_part_it_is_looked_for_behind_the_window_before() -> (
    None
):
    spec = cut_pipeline()
    words = {at: segment(spec, 60_000 + at * 1_000, 400) for at in range(6, 400)}
    words[5] = segment(spec, -1_000, 2_000)
    told = with_sensors(asr=use("speech", [], used=1))
    before = published(result(sensors={"asr": use("speech", [(5, 5)])}))
    read, reader = await found(spec, {"speech": words}, told, previous=before)
    assert [one.offset for one in read.samples["asr"]] == [5]
    assert reader.looked_at == 1


async def test_looking_back_has_an_end() -> None:
    spec = cut_pipeline()
    one = segment(spec, -600_000, 100)
    many = dict.fromkeys(range(MAX_LOOKED_BACK + 100), one)
    told = with_sensors(asr=use("speech", [], used=1))
    read, reader = await found(spec, {"speech": many}, told)
    assert reader.looked_at == MAX_LOOKED_BACK
    assert read.limits == ["asr gave 1 sample to the model, of which 0 can be read again."]


async def test_a_topic_that_is_gone_is_said_to_be_gone() -> None:
    spec = Pipeline.model_validate(pipeline_tree("rig"))
    told = with_sensors(mic_left=use("audio", [(0, 0)]))
    read, _ = await found(spec, {}, told)
    assert read.limits == ["There is no topic rig.audio to read samples from."]


async def test_times_are_corrected_as_the_result_says() -> None:
    spec = Pipeline.model_validate(pipeline_tree("rig"))
    told = published(result())
    (label,) = [name for name, one in told.result.sensors.items() if one.clock is not None]
    frames = {11: sample(spec, "camera", label, 0)}
    read, _ = await found(spec, {"camera": frames}, told)
    assert [one.start_us for one in read.samples[label]] == [START_US + 40_000]
