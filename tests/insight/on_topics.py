"""A window of an untrained model as it stands on topics: samples, the result, an open event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from schemas.event import Event, change_id, event_id
from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.result import Result
from schemas.sample import Modality
from schemas.settings import KafkaSettings, WorkerSettings
from schemas.units import US_PER_MS
from streams.align.spec import from_pipeline
from streams.align.types import SensorTally, Window, WindowSample
from streams.processor.fusing import fuse_windows
from streams.processor.outputs import event_record, result_record
from streams.records import OutRecord
from streams.topics import ensure_topics, plan_topics
from streams.watch.dead_letters import send_again
from tests.workers.explained import START_US
from tests.workers.explained_topics import SESSION, sample
from tests.workers.models import write_model
from tests.workers.payloads import encoded, picture, s16le, tone
from tests.workers.payloads import sample as decoded_sample
from workers.explain.reader import partition_of
from workers.inference.loading import load_compute

WIDTH, HEIGHT = 80, 60
FRAMES_MS = (200, 900, 1_600)
CHUNKS_MS = (100, 300)
EVENT = "low_mood"
Change = Callable[[Result], Result]


def records(pipeline: Pipeline) -> list[tuple[str, str, OutRecord]]:
    """(input, sensor, record) of the window's frames, chunks and one text."""
    made = [("camera", "cam", at, 0, encoded(picture(WIDTH, HEIGHT, seed=at))) for at in FRAMES_MS]
    made += [("audio", "mic", at, 200, s16le(tone(300.0 + at))) for at in CHUNKS_MS]
    made.append(("words", "asr", 500, 0, b"cancel the plan"))
    return [
        (input, sensor, sample(pipeline, input, sensor, at, length, value=value))
        for input, sensor, at, length, value in made
    ]


async def answered(pipeline: Pipeline, sent: list[tuple[str, str, OutRecord]]) -> Result:
    """The result that a worker would publish of these records."""
    compute = load_compute(pipeline, WorkerSettings(device="cpu", threads=1))
    offsets = dict.fromkeys(pipeline.inputs, 0)
    samples: list[WindowSample] = []
    tallies: dict[str, list[int]] = {}
    for input, sensor, record in sent:
        spec = pipeline.inputs[input]
        (feature,) = await compute.encode(
            [
                decoded_sample(
                    Modality(spec.modality), spec.default_content_type, record.value or b""
                )
            ]
        )
        assert isinstance(feature, bytes)
        start_us = (record.timestamp_ms or 0) * US_PER_MS - 30 * US_PER_MS
        end_us = start_us + (200 * US_PER_MS if input == "audio" else 0)
        samples.append(WindowSample(sensor, input, offsets[input], start_us, end_us, feature))
        tallies.setdefault(sensor, []).append(offsets[input])
        offsets[input] += 1
    inputs = {one.sensor: one.input for one in samples}
    window = Window(
        partition_of(SESSION, pipeline.partitions),
        SESSION,
        START_US,
        START_US + 2_000_000,
        tuple(sorted(samples, key=lambda one: (one.start_us, one.sensor, one.input, one.offset))),
        {
            name: SensorTally(inputs[name], len(found), seen=True, offsets=tuple(found))
            for name, found in tallies.items()
        },
        0,
    )
    fused = await fuse_windows(
        [window], pipeline=pipeline, spec=from_pipeline(pipeline), compute=compute, now_ms=0
    )
    compute.close()
    ((_, result),) = fused.results
    return result


def write_pipeline(folder: Path, name: str) -> str:
    """The path of a pipeline file, and its untrained model beside it."""
    write_model(folder / "model", (Modality.VIDEO, Modality.AUDIO, Modality.TEXT))
    tree: dict[str, Any] = {
        "pipeline": name,
        "partitions": 1,
        "inputs": {
            "camera": {"modality": "video", "sensors": ["cam"]},
            "audio": {"modality": "audio", "sensors": ["mic"]},
            "words": {"modality": "text", "sensors": ["asr"]},
        },
        "window": {"size": "2s"},
        "model": {"name": str(folder / "model")},
        "events": [{"name": EVENT, "task": "mood", "label": "low"}],
    }
    path = folder / "heat.yaml"
    path.write_text(yaml.safe_dump(tree))
    return str(path)


def opened(result: Result) -> Event:
    """The event that this result would open."""
    window = result.window
    id_ = event_id(result.pipeline, result.session, EVENT, START_US)
    return Event(
        id=change_id(id_, "opened", START_US),
        event_id=id_,
        action="opened",
        pipeline=result.pipeline,
        session=result.session,
        name=EVENT,
        task="mood",
        label="low",
        probability=result.tasks["mood"].probabilities["low"],
        peak_probability=result.tasks["mood"].probabilities["low"],
        since=window.start,
        until=window.end,
        windows=1,
        result_id=result.id,
    )


async def publish_window(
    path: str, kafka: KafkaSettings, change: Change = lambda one: one, without: str | None = None
) -> None:
    """Put all on topics, but for an input's samples; ``change`` alters the result."""
    pipeline = load_pipeline(path)
    ensure_topics(kafka, plan_topics(pipeline))
    sent = records(pipeline)
    result = change(await answered(pipeline, sent))
    kept = [record for input, _, record in sent if input != without]
    outputs = [result_record(pipeline, 0, result), event_record(pipeline, 0, opened(result))]
    await send_again([*kept, *outputs], kafka)
