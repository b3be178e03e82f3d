"""A stack is ready when the block begins, and keeps to itself."""

from __future__ import annotations

import asyncio
import socket
import tempfile

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.stack import NotManaged, Stack, embedded_stack
from streams.stack import component as component_module
from streams.stack.probes import LOOPBACK
from tests.stack.processes import group_of, listening_addresses

pytestmark = pytest.mark.integration


def redis_config(stack: Stack, name: str) -> str:
    with redis.Redis.from_url(stack.redis_url, decode_responses=True) as client:
        return client.config_get(name)[name]


async def test_a_record_comes_back_from_a_stack_that_was_just_started(tmp_path):
    with embedded_stack(data_dir=tmp_path, redis=False) as stack:
        producer = AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait("readings", b"value", key=b"session")
        finally:
            await producer.stop()
        consumer = AIOKafkaConsumer(
            "readings", bootstrap_servers=stack.kafka_bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            record = await asyncio.wait_for(consumer.getone(), 10)
        finally:
            await consumer.stop()
    assert (record.key, record.value) == (b"session", b"value")


def test_redis_answers_when_the_block_begins(tmp_path):
    with (
        embedded_stack(data_dir=tmp_path, kafka=False) as stack,
        redis.Redis.from_url(stack.redis_url) as client,
    ):
        assert client.ping()


def test_redis_keeps_everything_in_memory_and_evicts_nothing(tmp_path):
    with embedded_stack(data_dir=tmp_path, kafka=False) as stack:
        settings = {name: redis_config(stack, name) for name in ("save", "appendonly", "bind")}
        assert settings == {"save": "", "appendonly": "no", "bind": "127.0.0.1"}
        assert redis_config(stack, "maxmemory-policy") == "noeviction"


def test_two_stacks_run_side_by_side(tmp_path):
    with (
        embedded_stack(data_dir=tmp_path / "a") as one,
        embedded_stack(data_dir=tmp_path / "b") as other,
    ):
        assert one.kafka_bootstrap != other.kafka_bootstrap
        with redis.Redis.from_url(one.redis_url) as client:
            client.set("key", "of one")
        with redis.Redis.from_url(other.redis_url) as client:
            assert client.get("key") is None
        assert len({*one.pids.values(), *other.pids.values()}) == 4


def test_each_server_has_a_process_group_of_its_own(tmp_path):
    with embedded_stack(data_dir=tmp_path) as stack:
        assert {group_of(pid) for pid in stack.pids.values()} == set(stack.pids.values())


def test_only_the_loopback_can_connect(tmp_path):
    with embedded_stack(data_dir=tmp_path) as stack:
        bound_to = listening_addresses()
        assert bound_to[stack.kafka.port] == {LOOPBACK}
        assert bound_to[stack.redis.port] == {LOOPBACK}


def test_each_server_writes_a_log_into_the_folder(tmp_path):
    with embedded_stack(data_dir=tmp_path) as stack:
        assert stack.log_dir == tmp_path
    for name in ("kafka", "redis"):
        assert "ready" in (tmp_path / f"{name}.log").read_text().lower()


def test_a_temporary_folder_goes_with_the_stack():
    with embedded_stack(kafka=False) as stack:
        folder = stack.log_dir
        assert folder.is_dir()
    assert not folder.exists()


def test_a_temporary_folder_stays_when_the_block_fails_and_the_error_names_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="broken") as failure, embedded_stack(kafka=False) as stack:
        raise ValueError("broken")
    assert str(stack.log_dir) in failure.value.__notes__[0]
    assert (stack.log_dir / "redis.log").exists()
    assert stack.log_dir.parent == tmp_path


def test_a_component_that_was_left_out_cannot_be_killed(tmp_path):
    with (
        embedded_stack(data_dir=tmp_path, kafka=False) as stack,
        pytest.raises(NotManaged, match="a stack without it"),
    ):
        stack.kafka.kill()
    assert stack.kafka_bootstrap == ""


def test_a_server_named_by_url_cannot_be_killed():
    stack = Stack(kafka_bootstrap="", redis_url="redis://redis.example:6379/0")
    with pytest.raises(NotManaged, match=r"redis\.example"):
        stack.redis.kill()


def test_a_start_moves_on_from_a_port_that_was_taken_meanwhile(tmp_path, monkeypatch):
    free = component_module.free_port()
    with socket.create_server((LOOPBACK, 0)) as taken:
        picks = iter([taken.getsockname()[1], free])
        monkeypatch.setattr(component_module, "free_port", lambda: next(picks))
        with embedded_stack(data_dir=tmp_path, kafka=False) as stack:
            assert stack.redis.port == free


@pytest.mark.parametrize("component", ["kafka", "redis"])
def test_a_foreign_server_on_the_port_is_not_taken_for_ours(component, tmp_path, monkeypatch):
    with embedded_stack(data_dir=tmp_path / "foreign") as foreign:
        foreign_port = getattr(foreign, component).port
        picks = iter([foreign_port])
        free_port = component_module.free_port
        monkeypatch.setattr(component_module, "free_port", lambda: next(picks, None) or free_port())
        only = {"kafka": component == "kafka", "redis": component == "redis"}
        with embedded_stack(data_dir=tmp_path / "ours", **only) as ours:
            assert getattr(ours, component).port != foreign_port
