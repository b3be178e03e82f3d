"""Health endpoints: alive and ready differ, and metrics are Prometheus text."""

from __future__ import annotations

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from streams.health import serve_health
from streams.metrics import Metrics


async def get(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def test_a_worker_is_alive_while_it_is_not_ready() -> None:
    async with serve_health(CollectorRegistry(), {"redis": no}, host="127.0.0.1", port=0) as port:
        assert (await get(port, "/livez"))[0] == 200
        assert (await get(port, "/readyz"))[0] == 503


async def test_readiness_names_the_condition_that_does_not_hold() -> None:
    conditions = {"model": yes, "redis": no}
    async with serve_health(CollectorRegistry(), conditions, host="127.0.0.1", port=0) as port:
        assert '"redis": false' in (await get(port, "/readyz"))[1]


async def test_a_worker_is_ready_when_every_condition_holds() -> None:
    async with serve_health(CollectorRegistry(), {"model": yes}, host="127.0.0.1", port=0) as port:
        assert (await get(port, "/readyz"))[0] == 200


async def test_metrics_are_served_as_prometheus_text() -> None:
    metrics = Metrics("call")
    metrics.dead_letter("envelope", "bad_time")
    async with serve_health(metrics.registry, {}, host="127.0.0.1", port=0) as port:
        _, text = await get(port, "/metrics")
    samples = {
        sample.name: sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    letter = samples["sensorium_dead_letters_total"]
    assert (letter.value, letter.labels["reason"]) == (1.0, "bad_time")


@pytest.mark.parametrize("name", ["session", "session_id"])
def test_no_metric_is_labelled_by_session(name: str) -> None:
    for family in Metrics("call").registry.collect():
        for sample in family.samples:
            assert name not in sample.labels
