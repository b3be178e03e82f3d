"""The broker, Redis and the topics, asked over the network."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.addresses import mask_url
from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings, RedisSettings
from streams.errors import StoreUnreachable, StreamError
from streams.kafka_client import check_broker
from streams.redis_client import check_redis, connect_redis
from streams.topics import check_partitions, plan_topics
from workers.doctor.finding import Finding, ok, problem, split_error, warning

BROKER_TIMEOUT_S = 5.0
#: Oldest Redis whose scripts and commands the window store is tested with.
OLDEST_REDIS = (7, 0)
#: Apache Kafka's group.min.session.timeout.ms.
_LEAST_SESSION_MS = 6_000


async def check_kafka(kafka: KafkaSettings) -> list[Finding]:
    """Whether a broker answers, and whether its group settings fit an Apache Kafka."""
    began = time.monotonic()
    try:
        await check_broker(kafka, BROKER_TIMEOUT_S)
    except StreamError as error:
        return [split_error("broker", error)]
    took_ms = (time.monotonic() - began) * 1000
    findings = [ok("broker", f"{kafka.bootstrap} answers in {took_ms:.0f} ms")]
    if kafka.session_timeout_ms < _LEAST_SESSION_MS:
        findings.append(
            warning(
                "broker",
                f"session_timeout_ms is {kafka.session_timeout_ms}; Apache Kafka refuses less "
                f"than {_LEAST_SESSION_MS}, only the embedded broker takes it",
                f"set SENSORIUM_KAFKA__SESSION_TIMEOUT_MS to {_LEAST_SESSION_MS} or more",
            )
        )
    return findings


async def check_store(settings: RedisSettings) -> list[Finding]:
    """Whether Redis answers, and whether it keeps what it is given."""
    try:
        await check_redis(settings)
    except StoreUnreachable as error:
        return [split_error("redis", error)]
    client = connect_redis(settings)
    try:
        info: Mapping[str, Any] = await client.info()
    finally:
        await client.aclose()
    return judge_redis(mask_url(settings.url), info)


def judge_redis(where: str, info: Mapping[str, Any]) -> list[Finding]:
    """What Redis says of itself (``INFO``): version, eviction, persistence."""
    version = str(info.get("valkey_version") or info.get("redis_version") or "0")
    name = "Valkey" if "valkey_version" in info else "Redis"
    findings = [ok("redis", f"{where} answers: {name} {version}")]
    if _version_tuple(version) < OLDEST_REDIS:
        oldest = ".".join(str(part) for part in OLDEST_REDIS)
        findings.append(
            problem(
                "redis",
                f"expected version {oldest} or newer, got {version}",
                "upgrade Redis, or use Valkey",
            )
        )
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy == "noeviction":
        findings.append(ok("redis", "maxmemory-policy is noeviction"))
    else:
        findings.append(
            problem(
                "redis",
                f"maxmemory-policy: expected noeviction, got {policy}; open windows could be "
                "evicted",
                "CONFIG SET maxmemory-policy noeviction, and in redis.conf",
            )
        )
    if int(info.get("aof_enabled", 0)):
        findings.append(ok("redis", "append-only file is on"))
    else:
        findings.append(
            warning(
                "redis",
                "no append-only file: after a restart of Redis its windows are read again from "
                "Kafka (nothing is lost, but results wait for it)",
                "CONFIG SET appendonly yes, and in redis.conf",
            )
        )
    return findings


def _version_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def check_topics(kafka: KafkaSettings, pipelines: Iterable[Pipeline]) -> list[Finding]:
    """Whether each pipeline's topics are there with its partitions."""
    findings = []
    for pipeline in pipelines:
        check = f"topics of {pipeline.pipeline}"
        plans = plan_topics(pipeline)
        try:
            check_partitions(kafka, {plan.name: plan.partitions for plan in plans})
        except StreamError as error:
            findings.append(split_error(check, error))
        else:
            findings.append(
                ok(check, f"{len(plans)} topics with {pipeline.partitions} partitions each")
            )
    return findings
