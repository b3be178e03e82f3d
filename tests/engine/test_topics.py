from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.inputs import InputSpec
from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from schemas.sample import Modality
from schemas.settings import KafkaSettings
from schemas.windows import WindowSpec
from streams.engine.settings import MAX_REQUEST_BYTES
from streams.errors import TopicError
from streams.topics import TopicPlan, check_partitions, ensure_topics, plan_topics

PIPELINE = Pipeline(
    pipeline="call",
    partitions=6,
    inputs={
        "audio": InputSpec(modality=Modality.AUDIO, max_bytes=8_000_000),
        "words": InputSpec(modality=Modality.TEXT, max_bytes=10_000),
    },
    window=WindowSpec(size="1s"),
    model=ModelSpec(name="m"),
)


def limit(suffix: str) -> int:
    plan = next(plan for plan in plan_topics(PIPELINE) if plan.name == f"call.{suffix}")
    return int(plan.configs["max.message.bytes"])


def test_a_pipeline_has_its_inputs_and_four_outputs() -> None:
    names = [plan.name for plan in plan_topics(PIPELINE)]
    assert names == [
        "call.audio",
        "call.words",
        "call.results",
        "call.events",
        "call.late",
        "call.dlq",
    ]


def test_every_topic_has_the_pipelines_partitions() -> None:
    assert {plan.partitions for plan in plan_topics(PIPELINE)} == {6}


def test_an_input_takes_records_above_its_max_bytes_so_that_they_become_dead_letters() -> None:
    assert limit("words") > 8_000_000 > PIPELINE.inputs["words"].max_bytes


@pytest.mark.parametrize("suffix", ["late", "dlq"])
def test_diverted_records_fit_with_the_headers_that_they_gain(suffix: str) -> None:
    assert limit("audio") < limit(suffix) <= MAX_REQUEST_BYTES


def test_missing_topics_are_created(
    kafka: KafkaSettings, unique_name: Callable[[str], str]
) -> None:
    name = unique_name("t")
    report = ensure_topics(kafka, [TopicPlan(name, 3, {"cleanup.policy": "delete"})])
    assert report.created == (name,)
    check_partitions(kafka, {name: 3})


def test_a_topic_that_is_there_is_reported_as_existing(
    kafka: KafkaSettings, unique_name: Callable[[str], str]
) -> None:
    plan = TopicPlan(unique_name("t"), 3)
    ensure_topics(kafka, [plan])
    report = ensure_topics(kafka, [plan])
    assert (report.created, report.existing) == ((), (plan.name,))


def test_other_partitions_are_an_error_that_says_what_to_do(
    kafka: KafkaSettings, unique_name: Callable[[str], str]
) -> None:
    name = unique_name("t")
    ensure_topics(kafka, [TopicPlan(name, 3)])
    with pytest.raises(TopicError, match=r"expected 4 partitions, got 3; set `partitions: 3`"):
        ensure_topics(kafka, [TopicPlan(name, 4)])


def test_nothing_is_created_when_one_topic_has_other_partitions(
    kafka: KafkaSettings, unique_name: Callable[[str], str]
) -> None:
    old, new = unique_name("old"), unique_name("new")
    ensure_topics(kafka, [TopicPlan(old, 3)])
    with pytest.raises(TopicError):
        ensure_topics(kafka, [TopicPlan(new, 4), TopicPlan(old, 4)])
    with pytest.raises(TopicError, match=new):
        check_partitions(kafka, {new: 4})


def test_a_missing_topic_is_named_by_the_check(
    kafka: KafkaSettings, unique_name: Callable[[str], str]
) -> None:
    name = unique_name("absent")
    with pytest.raises(TopicError, match=f"none named .*{name}.*sensorium topics create"):
        check_partitions(kafka, {name: 1})


def test_a_missing_topic_is_named_once(
    kafka: KafkaSettings, unique_name: Callable[[str], str]
) -> None:
    names = [unique_name("absent"), unique_name("absent")]
    with pytest.raises(TopicError) as caught:
        check_partitions(kafka, dict.fromkeys(names, 1))
    assert [str(caught.value).count(name) for name in names] == [1, 1]
