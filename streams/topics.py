"""The topics of a pipeline: planned from its file, created where missing, checked where present.

Topics never gain partitions here: a session's key would move to another partition, away from the
windows that hold the first half of its samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from kafka import KafkaAdminClient
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    TopicAlreadyExistsError,
    for_code,
)

from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from streams.errors import BrokerUnreachable, TopicError
from streams.kafka_client import kafka_python_kwargs

_DAY_MS = 86_400_000
#: Samples are needed until their results are published, and for a replay within a day.
INPUT_RETENTION_MS = _DAY_MS
#: Results, events, late samples and dead letters: a week, to look into what happened.
OUTPUT_RETENTION_MS = 7 * _DAY_MS
#: A sample above its input's ``max_bytes`` must still reach the worker: nobody else makes a dead
#: letter of it. Below the engine's largest request, so that the dead letter can be sent.
_INPUT_MESSAGE_BYTES = 15_000_000
_OUTPUT_MESSAGE_BYTES = 16_000_000
#: Samples are stamped with their event time, which a replay may put ahead of the present; whether
#: it is believed is for the pipeline's ``clock`` to say. Apache Kafka's default is an hour.
_TIMESTAMP_AHEAD_MS = 3650 * _DAY_MS
_REQUEST_TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it should be."""

    name: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicReport:
    """Names of the topics that were made and of those that were there already."""

    created: tuple[str, ...]
    existing: tuple[str, ...]


def plan_topics(pipeline: Pipeline) -> list[TopicPlan]:
    """Inputs in the file's order, then results, events, late and dlq, and shadow where one is
    named, all with the pipeline's partitions, so that whatever belongs to a session has one
    partition number.
    """
    # Late samples and dead letters carry the record as it came.
    outputs: tuple[str, ...] = (
        pipeline.results_topic,
        pipeline.events_topic,
        pipeline.late_topic,
        pipeline.dlq_topic,
    )
    if pipeline.model.shadow is not None:
        outputs = (*outputs, pipeline.shadow_topic)
    inputs = [
        _plan(pipeline, pipeline.topic(name), INPUT_RETENTION_MS, _INPUT_MESSAGE_BYTES)
        for name in pipeline.inputs
    ]
    return inputs + [
        _plan(pipeline, topic, OUTPUT_RETENTION_MS, _OUTPUT_MESSAGE_BYTES) for topic in outputs
    ]


def _plan(pipeline: Pipeline, topic: str, retention_ms: int, max_bytes: int) -> TopicPlan:
    return TopicPlan(
        topic,
        pipeline.partitions,
        {
            "cleanup.policy": "delete",
            "retention.ms": str(retention_ms),
            "max.message.bytes": str(max_bytes),
            "message.timestamp.after.max.ms": str(_TIMESTAMP_AHEAD_MS),
        },
    )


def ensure_topics(settings: KafkaSettings, plans: Sequence[TopicPlan]) -> TopicReport:
    """Create the missing topics and check the partitions of all; blocks until they can be used.

    Raises ``TopicError`` where a topic exists with other partitions or cannot be created, and
    ``BrokerUnreachable`` where no broker answers. Configs of existing topics are left alone.
    """
    with _admin(settings) as admin:
        before = _partitions(admin)
        _refuse_other_partitions(before, {plan.name: plan.partitions for plan in plans})
        missing = [plan for plan in plans if plan.name not in before]
        if missing:
            _create(admin, missing, settings.replication_factor)
            admin.wait_for_topics([plan.name for plan in missing])
    return TopicReport(
        created=tuple(plan.name for plan in missing),
        existing=tuple(plan.name for plan in plans if plan.name in before),
    )


def check_partitions(settings: KafkaSettings, expected: Mapping[str, int]) -> None:
    """Check that every topic exists with its number of partitions.

    Raises ``TopicError`` where one does not, ``BrokerUnreachable`` where no broker answers.
    """
    with _admin(settings) as admin:
        found = _partitions(admin)
    absent = sorted(set(expected) - set(found))
    if absent:
        raise TopicError(
            f"expected {len(expected)} topics on the broker, got none named {', '.join(absent)}; "
            "create them with `sensorium topics create`"
        )
    _refuse_other_partitions(found, expected)


def _refuse_other_partitions(found: Mapping[str, int], expected: Mapping[str, int]) -> None:
    for name, partitions in expected.items():
        if name in found and found[name] != partitions:
            raise TopicError(
                f"topic {name}: expected {partitions} partitions, got {found[name]}; set "
                f"`partitions: {found[name]}` in the pipeline file, or delete the topic and "
                "create it again (its records go with it)"
            )


def _partitions(admin: KafkaAdminClient) -> dict[str, int]:
    return {
        topic["name"]: len(topic["partitions"])
        for topic in admin.describe_topics()
        if topic["error_code"] == 0
    }


def _create(admin: KafkaAdminClient, plans: Sequence[TopicPlan], replication: int) -> None:
    wanted = {
        plan.name: {
            "num_partitions": plan.partitions,
            "replication_factor": replication,
            "configs": dict(plan.configs),
        }
        for plan in plans
    }
    for topic in admin.create_topics(wanted, raise_errors=False)["topics"]:
        error = for_code(topic["error_code"])
        # Another worker may have created it since we looked.
        if topic["error_code"] and error is not TopicAlreadyExistsError:
            raise TopicError(
                f"topic {topic['name']}: expected it to be created with "
                f"{wanted[topic['name']]['num_partitions']} partitions and {replication} "
                f"replicas, got {error.__name__}; check kafka.replication_factor and the "
                "broker's permissions"
            )


@contextmanager
def _admin(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    try:
        admin = KafkaAdminClient(
            **kafka_python_kwargs(settings),
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            bootstrap_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        raise _unreachable(settings, error) from None
    try:
        yield admin
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        raise _unreachable(settings, error) from None
    except KafkaError as error:
        raise TopicError(
            f"expected the broker at {settings.bootstrap} to answer about topics, got "
            f"{type(error).__name__}; check its log and our permissions"
        ) from None
    finally:
        admin.close()


def _unreachable(settings: KafkaSettings, error: KafkaError) -> BrokerUnreachable:
    return BrokerUnreachable(
        f"expected a Kafka broker at {settings.bootstrap}, got {type(error).__name__}; check "
        "kafka.bootstrap (SENSORIUM_KAFKA__BOOTSTRAP) and that the broker runs"
    )
