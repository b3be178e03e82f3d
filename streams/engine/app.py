"""The engine of production: one Faust app for one pipeline, one agent per input topic."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Collection, Mapping
from typing import Any, cast

import faust
from faust.types import TP
from yarl import URL

from streams.engine.base import BaseEngine
from streams.engine.consumer import NoTables, OrderedConsumer, OrderedTransport, Wiring
from streams.engine.port import Processor
from streams.engine.schema import ChunkSchema
from streams.engine.settings import BUFFERED_CHUNKS, PARTITION_FETCH_BYTES, EngineSettings
from streams.kafka_client import consumer_kwargs, faust_credentials
from streams.records import TopicPartition


class FaustEngine(BaseEngine):
    """Faust's app and agents behind the port.

    It runs in the caller's loop rather than in ``faust.Worker``: the worker stops the app at once
    on SIGTERM and loses the event in hand, where we have to finish chunks, drain and commit first.
    """

    def __init__(self, settings: EngineSettings, processor: Processor) -> None:
        super().__init__(settings, processor)
        self._app: faust.App | None = None
        self._watch: asyncio.Task[None] | None = None
        self._datadir: tempfile.TemporaryDirectory[str] | None = None

    async def _connect(self) -> None:
        self._datadir = tempfile.TemporaryDirectory(prefix="sensorium-faust-")
        self._app = app = self._build(self._datadir.name)
        await app.start()
        self._watch = asyncio.create_task(self._watch_app(app), name="sensorium-faust-watch")

    async def _disconnect(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        if self._app is not None:
            await self._app.stop()
        if self._datadir is not None:
            self._datadir.cleanup()

    async def _commit_offsets(
        self, due: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int]:
        return await self._consumer.thread.commit_declared(due)

    async def _seek_to_committed(
        self, tps: Collection[TopicPartition], generation: int
    ) -> Mapping[TopicPartition, int]:
        return await self._consumer.thread.seek_stamped(tps, generation)

    async def _pause_exactly(self, tps: Collection[TopicPartition]) -> None:
        await self._consumer.thread.hold_back(tps)

    def _highwater(self, tp: TopicPartition) -> int | None:
        try:
            return cast("int | None", self._consumer.thread.highwater(TP(*tp)))
        except AssertionError:  # aiokafka's answer for a partition that is being taken away
            return None

    def _highwater_ms(self, tp: TopicPartition) -> int | None:
        return self._consumer.thread.highwater_ms(tp)

    @property
    def _running_app(self) -> faust.App:
        if self._app is None:
            raise RuntimeError(
                "expected a started engine, got one that is not; await start() first"
            )
        return self._app

    @property
    def _consumer(self) -> OrderedConsumer:
        return cast(OrderedConsumer, self._running_app.consumer)

    def _build(self, datadir: str) -> faust.App:
        settings, kafka = self.settings, self.settings.kafka
        brokers = [URL(f"aiokafka://{address}") for address in kafka.bootstrap.split(",")]
        app = faust.App(
            settings.group_id,
            broker=brokers,
            broker_credentials=faust_credentials(kafka),
            broker_client_id=settings.client_id,
            broker_commit_interval=kafka.commit_interval_ms / 1000,
            broker_session_timeout=kafka.session_timeout_ms / 1000,
            broker_heartbeat_interval=kafka.session_timeout_ms / 5000,
            store="memory://",
            TableManager=NoTables,
            datadir=datadir,
            stream_buffer_maxsize=BUFFERED_CHUNKS,
            stream_wait_empty=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            key_serializer="raw",
            value_serializer="raw",
        )
        # Records are published by the engine's own producer.
        app.boot_strategy.enable_kafka_producer = False
        app.finalize()
        app.transport = OrderedTransport(
            brokers,
            app,
            wiring=Wiring(
                consumer_kwargs(
                    kafka, settings.group_id, settings.client_id, PARTITION_FETCH_BYTES
                ),
                settings.chunk,
                self.commit,
            ),
        )
        for topic in settings.topics:
            channel = app.topic(topic, schema=ChunkSchema(), acks=False)
            app.agent(channel, name=f"chunks.{topic}")(self._deliver_all)
        app.on_rebalance_complete.connect(self._on_rebalance_complete, weak=False)
        app.on_partitions_revoked.connect(self._on_partitions_revoked, weak=False)
        return app

    async def _deliver_all(self, stream: Any) -> None:
        async for chunk in stream:
            await self._host.deliver(chunk)

    async def _on_rebalance_complete(self, *_: Any, **__: Any) -> None:
        await self._assign([TopicPartition(*tp) for tp in self._consumer.assignment()])

    async def _on_partitions_revoked(self, _app: Any, /, *args: Any, **_: Any) -> None:
        revoked: Collection[TP] = args[0]
        await self._revoke([TopicPartition(*tp) for tp in revoked])

    async def _watch_app(self, app: faust.App) -> None:
        """Turn a crash of one of Faust's own services into the engine's failure."""
        await app.wait_until_stopped()
        reason = app.crash_reason or RuntimeError("the Faust app stopped by itself")
        self._host.fail("faust", reason)
