"""The servers of a run: those that are configured, and embedded ones for those that are not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.pipeline import Pipeline
from schemas.settings import Settings
from streams.stack import Stack, embedded_stack
from streams.topics import ensure_topics, plan_topics

#: What the embedded broker takes as a session: workers join in the same time, not in five.
EMBEDDED_SESSION_MS = 2_000
#: The embedded broker looks for new records only once a fetch's wait is over, where Apache Kafka
#: answers as soon as there are any: its wait is a latency. At 15 ms results come 10 ms sooner than
#: at 50, and a worker at rest does not notice.
EMBEDDED_FETCH_WAIT_MS = 15


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run takes place.

    ``variables``: what another process needs to find the servers. ``embedded``: whether the
    broker is ours, hence empty at the start.
    """

    settings: Settings
    variables: Mapping[str, str]
    log_dir: Path
    embedded: bool
    stack: Stack

    def environ(self) -> dict[str, str]:
        """The variables of a child process."""
        # Workers share this machine's cores with each other; more threads than that only wait.
        return {"SENSORIUM_WORKER__THREADS": "1", **os.environ, **self.variables}


@contextmanager
def open_site(settings: Settings, *, use_configured: bool) -> Iterator[Site]:
    """Start what is missing for as long as the block lasts; every child ends with it.

    ``use_configured``: take the servers that the settings name instead of embedded ones.
    """
    own_kafka = not (use_configured and "bootstrap" in settings.kafka.model_fields_set)
    own_redis = not (use_configured and "url" in settings.redis.model_fields_set)
    with ExitStack() as running:
        stack = running.enter_context(embedded_stack(kafka=own_kafka, redis=own_redis))
        log_dir = stack.log_dir or Path(
            running.enter_context(tempfile.TemporaryDirectory(prefix="sensorium-"))
        )
        variables: dict[str, str] = {}
        kafka, redis = settings.kafka, settings.redis
        if own_kafka:
            variables["SENSORIUM_KAFKA__BOOTSTRAP"] = stack.kafka_bootstrap
            variables["SENSORIUM_KAFKA__SESSION_TIMEOUT_MS"] = str(EMBEDDED_SESSION_MS)
            update: dict[str, object] = {
                "bootstrap": stack.kafka_bootstrap,
                "session_timeout_ms": EMBEDDED_SESSION_MS,
            }
            if "fetch_max_wait_ms" not in kafka.model_fields_set:
                update["fetch_max_wait_ms"] = EMBEDDED_FETCH_WAIT_MS
                variables["SENSORIUM_KAFKA__FETCH_MAX_WAIT_MS"] = str(EMBEDDED_FETCH_WAIT_MS)
            kafka = kafka.model_copy(update=update)
        if own_redis:
            variables["SENSORIUM_REDIS__URL"] = stack.redis_url
            redis = redis.model_copy(update={"url": stack.redis_url})
        here = settings.model_copy(update={"kafka": kafka, "redis": redis})
        yield Site(here, variables, log_dir, own_kafka, stack)


def create_topics(site: Site, pipelines: Iterable[Pipeline]) -> None:
    """Create the topics that are missing. Raises ``TopicError``."""
    for pipeline in pipelines:
        ensure_topics(site.settings.kafka, plan_topics(pipeline))
