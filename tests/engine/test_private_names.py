"""Fails when a pinned version changes a name that the ordered consumer relies on."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher as fetching
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.record.memory_records import MemoryRecords
from faust.app.base import BootStrategy
from faust.transport.conductor import ConductorHandler
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import Message

from streams.engine import consumer, fetch
from streams.engine.consumer import OrderedConsumer, StampingThread

PINNED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}


@pytest.mark.parametrize(("package", "pin"), PINNED.items())
def test_the_installed_version_is_the_one_the_names_were_read_in(package: str, pin: str) -> None:
    assert version(package) == pin


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (owner, name)
        for names_of in (consumer.PRIVATE_NAMES, fetch.PRIVATE_NAMES)
        for owner, names in names_of.items()
        for name in names
    ],
)
def test_the_driver_still_has_the_name(owner: type, name: str) -> None:
    assert callable(getattr(owner, name))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(StampingThread, driver.AIOKafkaConsumerThread), (OrderedConsumer, driver.Consumer)],
)
def test_every_private_method_that_we_define_overrides_one_of_the_driver(
    ours: type, theirs: type
) -> None:
    own = {name for name in vars(ours) if name.startswith("_") and not name.startswith("__")}
    assert own - {"_fetch_stamped"} <= set(dir(theirs))


def test_the_driver_creates_its_consumer_in_the_method_that_we_replace() -> None:
    source = inspect.getsource(driver.AIOKafkaConsumerThread._create_consumer)
    assert "self._create_worker_consumer(transport)" in source


def test_the_drain_loop_asks_for_read_offsets_by_item_only() -> None:
    # The forgetful mapping answers items; another way of asking would get at real offsets.
    source = inspect.getsource(BaseConsumer._drain_messages)
    assert "self._read_offset.__getitem__" in source
    assert "self._read_offset.__setitem__" in source
    assert source.count("self._read_offset") == 2


def test_a_fetch_is_handed_to_the_scheduler_unread() -> None:
    # Our fetch gives stamped runs instead of lists of records.
    source = inspect.getsource(BaseConsumer.getmany)
    assert "self.scheduler.iterate(records)" in source
    assert "to_message(tp, record)" in source


def test_the_fetch_that_we_wrap_does_not_wait_without_a_timeout() -> None:
    parameters = inspect.signature(driver.AIOKafkaConsumerThread._fetch_records).parameters
    assert parameters["timeout"].default is None
    assert "if drained or not timeout:" in inspect.getsource(Fetcher.fetched_records)


def test_the_fetcher_keeps_what_it_has_under_the_names_that_we_read() -> None:
    source = inspect.getsource(Fetcher)
    for name in ("self._records", "self._subscriptions", "self._closed"):
        assert name in source
    assert "self._fetcher = Fetcher(" in inspect.getsource(AIOKafkaConsumer.start)
    assert "reassignment_in_progress" in dir(SubscriptionState)


def test_the_fetcher_makes_records_of_bytes_by_the_name_that_we_exchange() -> None:
    assert "MemoryRecords(part_data[-1])" in inspect.getsource(Fetcher)
    assert fetching.MemoryRecords in (MemoryRecords, fetch.KeptRecords)


def test_faust_starts_no_producer_where_its_boot_strategy_says_so() -> None:
    assert "self.enable_kafka_producer" in inspect.getsource(
        BootStrategy._should_enable_kafka_producer
    )


def test_the_commit_timer_calls_the_method_that_we_replace() -> None:
    assert "await self.commit()" in inspect.getsource(BaseConsumer._commit_handler.fun)


def test_the_message_takes_a_chunk_as_its_value() -> None:
    assert {"value", "tp", "generation_id"} <= set(inspect.signature(Message).parameters)


def test_faust_runs_without_its_cython_twins() -> None:
    assert ConductorHandler is None


@pytest.mark.parametrize(
    "name",
    [
        "seek",
        "committed",
        "assignment",
        "commit",
        "highwater",
        "last_poll_timestamp",
        "pause",
        "paused",
        "resume",
    ],
)
def test_the_aiokafka_consumer_has_the_public_method(name: str) -> None:
    assert callable(getattr(AIOKafkaConsumer, name))
