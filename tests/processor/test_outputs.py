"""What is published for results and events: topic, partition, key and headers."""

from __future__ import annotations

from schemas.event import Event, decode_event
from schemas.pipeline import Pipeline
from schemas.result import ModelRef, Quality, Result, TaskResult, Timings, WindowSpan, decode_result
from streams.processor.outputs import event_record, result_record

PIPELINE = Pipeline.model_validate(
    {
        "pipeline": "p",
        "inputs": {"voice": {"modality": "audio"}},
        "window": {"size": "1s"},
        "model": {"name": "fake"},
    }
)


def result(session: str = "réa-1", number: int = 1) -> Result:
    return Result(
        id=f"r-{number}",
        pipeline="p",
        session=session,
        window=WindowSpan("2026-01-31T08:00:00.000Z", f"2026-01-31T08:00:0{number}.000Z"),
        revision=0,
        final=True,
        tasks={"noise": TaskResult("calm", {"calm": 1.0})},
        modalities={},
        sensors={},
        quality=Quality(1.0, 0.0, []),
        model=ModelRef("fake", "1", "00"),
        timings=Timings(0, 0.0, 0.0),
    )


def event(action: str) -> Event:
    return Event(
        id="c-1",
        event_id="e-1",
        action=action,  # type: ignore[arg-type]
        pipeline="p",
        session="s",
        name="noise",
        task="noise",
        label="loud",
        probability=0.9,
        peak_probability=0.9,
        since="2026-01-31T08:00:00.000Z",
        until="2026-01-31T08:00:01.000Z",
        windows=1,
        result_id="r-1",
    )


def test_a_result_is_a_cloud_event_of_its_window_s_end_on_its_shard_s_partition() -> None:
    record = result_record(PIPELINE, 3, result())
    assert (record.topic, record.partition, record.key) == ("p.results", 3, "réa-1".encode())
    assert record.headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"r-1"),
        ("ce_source", b"sensorium/p"),
        ("ce_type", b"sensorium.result.v1"),
        ("ce_subject", "réa-1".encode()),
        ("ce_time", b"2026-01-31T08:00:01.000Z"),
        ("content-type", b"application/json"),
    ]
    assert decode_result(record.value or b"") == result()


def test_each_result_has_headers_of_its_own() -> None:
    first, second = (result_record(PIPELINE, 0, result("s", number)) for number in (1, 2))
    assert dict(first.headers)["ce_id"] == b"r-1"
    assert dict(second.headers)["ce_id"] == b"r-2"


def test_an_event_s_type_says_what_changed() -> None:
    kinds = {
        action: dict(event_record(PIPELINE, 0, event(action)).headers)["ce_type"]
        for action in ("opened", "updated", "closed")
    }
    assert kinds == {action: f"sensorium.event.{action}.v1".encode() for action in kinds}


def test_an_event_is_on_its_shard_s_partition_under_its_session() -> None:
    record = event_record(PIPELINE, 2, event("opened"))
    assert (record.topic, record.partition, record.key) == ("p.events", 2, b"s")
    assert decode_event(record.value or b"") == event("opened")
