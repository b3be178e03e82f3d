"""What is read of a window from a broker, and where reading ends."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import pytest

from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from streams.errors import BrokerUnreachable, TopicError
from streams.processor.outputs import result_record
from streams.stack import Stack
from streams.topics import TopicPlan, ensure_topics, plan_topics
from streams.watch.dead_letters import send_again
from tests.workers.explained import SIZE_US, START_US, pipeline, result, use
from tests.workers.explained_topics import DELAY_MS, SESSION, publish, results
from workers.explain import gather, reader, search
from workers.explain.gather import explain
from workers.explain.model import Explanation, NotFound, Span
from workers.explain.reader import PartitionReader, partition_of
from workers.explain.selector import ById, ByStart, Newest, Selector

pytestmark = pytest.mark.integration

THIS = ByStart(START_US)


@pytest.fixture(scope="module")
def kafka(stack: Stack) -> KafkaSettings:
    return KafkaSettings(bootstrap=stack.kafka_bootstrap)


@pytest.fixture
def empty(unique_name: Callable[[str], str]) -> Pipeline:
    """A pipeline whose topics do not exist."""
    return pipeline(unique_name("rig"))


@pytest.fixture(scope="module")
def rig(kafka: KafkaSettings) -> Pipeline:
    """A pipeline with everything on its topics, for tests that only read."""
    spec = pipeline(f"rig-{uuid.uuid4().hex[:8]}")
    asyncio.run(publish(spec, kafka))
    return spec


async def explained(
    spec: Pipeline, kafka: KafkaSettings, selector: Selector = THIS, session: str = SESSION
) -> Explanation:
    found = await explain(spec, session, selector, kafka)
    assert isinstance(found, Explanation)
    return found


async def not_found(
    spec: Pipeline, kafka: KafkaSettings, selector: Selector = THIS, session: str = SESSION
) -> NotFound:
    found = await explain(spec, session, selector, kafka)
    assert isinstance(found, NotFound)
    return found


async def test_every_sample_is_found_and_told_apart(rig: Pipeline, kafka: KafkaSettings) -> None:
    found = await explained(rig, kafka)
    assert {(mark.input, mark.offset): mark.kind for mark in found.samples} == {
        ("audio", 0): "other",
        **{("audio", offset): "used" for offset in range(1, 6)},
        ("audio", 6): "late",
        ("audio", 7): "invalid",
        ("camera", 0): "unused",
        ("camera", 1): "used",
        ("camera", 2): "unused",
        ("notes", 0): "used",
    }


async def test_a_sample_has_its_span_its_kafka_timestamp_and_its_size(
    rig: Pipeline, kafka: KafkaSettings
) -> None:
    found = await explained(rig, kafka)
    (mark,) = [one for one in found.samples if (one.input, one.offset) == ("audio", 2)]
    assert (mark.start_us, mark.end_us) == (START_US + 200_000, START_US + 400_000)
    assert mark.stamped_ms == (START_US + 200_000) // 1_000 + DELAY_MS
    assert mark.value_bytes == 17


async def test_the_late_and_the_bad_sample_have_their_reasons(
    rig: Pipeline, kafka: KafkaSettings
) -> None:
    found = await explained(rig, kafka)
    diverted = [mark for mark in found.samples if mark.kind in ("late", "invalid")]
    assert [(mark.reason, mark.late_by_ms) for mark in diverted] == [
        ("behind_sensor", 480.0),
        ("empty_value", None),
    ]


async def test_every_revision_is_listed_and_the_newest_explained(
    rig: Pipeline, kafka: KafkaSettings
) -> None:
    found = await explained(rig, kafka)
    assert [(one.revision, one.cause, one.final) for one in found.revisions] == [
        (0, "early", False),
        (1, "watermark", True),
    ]
    assert found.closing.watermark_us == START_US + SIZE_US + 120_000


async def test_the_neighbours_are_those_of_the_session(rig: Pipeline, kafka: KafkaSettings) -> None:
    found = await explained(rig, kafka)
    assert found.previous == Span(START_US - SIZE_US, START_US)
    assert found.next == Span(START_US + SIZE_US, START_US + 2 * SIZE_US)


async def test_another_session_of_the_partition_is_kept_apart(
    rig: Pipeline, kafka: KafkaSettings
) -> None:
    here = partition_of(SESSION, rig.partitions)
    alone = await explain(rig, "s-2", THIS, kafka, partition=here)
    assert isinstance(alone, Explanation)
    assert (alone.session, alone.previous, alone.next) == ("s-2", None, None)


async def test_a_result_id_names_its_window(rig: Pipeline, kafka: KafkaSettings) -> None:
    early = results(rig)[1]
    found = await explained(rig, kafka, ById(early.id))
    assert (found.window.start_us, len(found.revisions)) == (START_US, 2)


async def test_last_is_the_newest_window(rig: Pipeline, kafka: KafkaSettings) -> None:
    found = await explained(rig, kafka, Newest())
    assert found.window.start_us == START_US + SIZE_US


async def test_a_result_far_from_the_end_is_found_stretch_by_stretch(
    rig: Pipeline, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_FIRST_STRETCH", 1)
    first = results(rig)[0]
    found = await explained(rig, kafka, ById(first.id))
    assert found.window.start_us == START_US - SIZE_US


async def test_results_stamped_long_before_their_window_are_found_by_a_second_reading(
    rig: Pipeline, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def past_everything(*_: object) -> None:
        return None

    monkeypatch.setattr(PartitionReader, "at_or_after", past_everything)
    assert len((await explained(rig, kafka)).revisions) == 2


async def test_reading_stops_once_the_next_window_is_there(
    empty: Pipeline, kafka: KafkaSettings
) -> None:
    await publish(empty, kafka)
    shard = partition_of(SESSION, empty.partitions)
    beyond = result(pipeline_name=empty.pipeline, revision=2)
    await send_again([result_record(empty, shard, beyond)], kafka)
    assert [one.revision for one in (await explained(empty, kafka)).revisions] == [0, 1]


async def test_an_unknown_window_names_those_nearby(rig: Pipeline, kafka: KafkaSettings) -> None:
    missing = await not_found(rig, kafka, ByStart(START_US + 500_000))
    assert [span.start_us - START_US for span in missing.nearby] == [-SIZE_US, 0, SIZE_US]


async def test_an_unknown_id_names_the_newest_windows(rig: Pipeline, kafka: KafkaSettings) -> None:
    missing = await not_found(rig, kafka, ById("6f0c1c2e-6a0b-5d0c-9d55-3f2a8b7f5e11"))
    assert missing.nearby[-1].start_us == START_US + SIZE_US


@pytest.mark.parametrize("selector", [THIS, Newest()])
async def test_an_unknown_session_has_no_windows(
    selector: Selector, rig: Pipeline, kafka: KafkaSettings
) -> None:
    assert (await not_found(rig, kafka, selector, "nobody")).nearby == ()


async def test_another_partition_can_be_named(rig: Pipeline, kafka: KafkaSettings) -> None:
    here = partition_of(SESSION, rig.partitions)
    elsewhere = await explain(rig, SESSION, THIS, kafka, partition=1 - here)
    assert isinstance(elsewhere, NotFound)
    assert isinstance(await explain(rig, SESSION, THIS, kafka, partition=here), Explanation)


async def test_a_partition_that_the_topic_does_not_have_is_refused(
    rig: Pipeline, kafka: KafkaSettings
) -> None:
    with pytest.raises(TopicError, match=f"{rig.results_topic}: expected a partition below 2"):
        await explain(rig, SESSION, THIS, kafka, partition=9)


async def test_without_a_results_topic_the_error_names_it(
    empty: Pipeline, kafka: KafkaSettings
) -> None:
    with pytest.raises(TopicError, match=f"{empty.results_topic}: expected a topic"):
        await explain(empty, SESSION, THIS, kafka)


async def test_topics_that_are_missing_are_told_of(empty: Pipeline, kafka: KafkaSettings) -> None:
    ensure_topics(kafka, [TopicPlan(empty.results_topic, 2)])
    shard = partition_of(SESSION, 2)
    await send_again([result_record(empty, shard, one) for one in results(empty)], kafka)
    limits = (await explained(empty, kafka)).limits
    assert f"There is no topic {empty.late_topic} to look for diverted samples." in limits
    assert f"There is no topic {empty.topic('audio')} to look up samples." in limits


async def test_samples_that_the_topic_no_longer_has_are_counted(
    empty: Pipeline, kafka: KafkaSettings
) -> None:
    ensure_topics(kafka, plan_topics(empty))
    gone = result(pipeline_name=empty.pipeline, sensors={"mic.left": use("audio", [(5, 9)])})
    shard = partition_of(SESSION, empty.partitions)
    await send_again([result_record(empty, shard, gone)], kafka)
    assert [one.unread for one in (await explained(empty, kafka)).sensors] == [5]


async def test_no_more_samples_are_looked_up_than_the_cap(
    rig: Pipeline, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "MAX_SAMPLES", 3)
    found = await explained(rig, kafka)
    assert [mark.offset for mark in found.samples if mark.input == "audio"][:3] == [1, 2, 3]
    assert "Only 3 samples were looked up and drawn." in found.limits


async def test_no_more_diverted_records_are_looked_through_than_the_cap(
    rig: Pipeline, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "MAX_DIVERTED", 0)
    found = await explained(rig, kafka)
    assert (
        f"Only 0 records of {rig.late_topic} were looked through; 1 record after them was not."
        in found.limits
    )


async def test_a_broker_that_goes_silent_is_an_error(
    rig: Pipeline, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_STALL_S", 0.3)
    shard = partition_of(SESSION, rig.partitions)
    async with PartitionReader(kafka, 1_000_000) as source:
        end = await source.end(rig.results_topic, shard)
        with pytest.raises(BrokerUnreachable, match=r"got none for 0\.3 s"):
            async for _ in source.read(rig.results_topic, shard, 0, end + 1):
                pass


async def test_progress_counts_up_to_what_is_read(rig: Pipeline, kafka: KafkaSettings) -> None:
    told: list[tuple[str, int, int]] = []
    await explain(rig, SESSION, Newest(), kafka, on_progress=lambda *one: told.append(one))
    topic, done, total = told[0]
    assert topic == rig.results_topic
    assert 0 < done <= total
