"""Real servers, real worker processes, real topics: what a user has, in a test's hands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiokafka

from schemas.envelope import SESSION_END_TYPE
from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline, shipped_pipelines
from schemas.result import Result, decode_result
from schemas.settings import Settings, load_settings
from streams.feed.item import FeedItem
from streams.feed.player import play
from streams.kafka_client import client_kwargs, producer_kwargs
from streams.records import Record
from streams.stack import Stack, embedded_stack
from streams.stack.component import free_port
from streams.topics import ensure_topics, plan_topics

#: Loading torch on a busy machine takes most of it.
_READY_TIMEOUT_S = 90.0
_REPOSITORY = Path(__file__).resolve().parents[2]

#: ``shipped``: the model that the pipeline names. ``probe``, ``fragile``: see ``tests.e2e.probe``
#: and ``tests.e2e.fragile``.
Model = Literal["shipped", "probe", "fragile"]
_PROGRAMS = {
    "shipped": "workers.cli",
    "probe": "tests.e2e.probe",
    "fragile": "tests.e2e.fragile",
}


@dataclass
class WorkerProcess:
    """One ``sensorium worker``."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    async def ready(self) -> None:
        """Wait until ``/readyz`` says yes."""
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"the worker ended early:\n{self.log.read_text()[-3000:]}")
            if await asyncio.to_thread(self._answers_ready):
                return
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            await asyncio.sleep(0.1)

    async def unready(self) -> None:
        """Wait until ``/readyz`` says no."""
        async with asyncio.timeout(_READY_TIMEOUT_S):
            while True:
                if not await asyncio.to_thread(self._answers_ready):
                    return
                await asyncio.sleep(0.1)

    def _answers_ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.port}/readyz"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)


@dataclass
class Site:
    """A broker and Redis of one's own, with the topics of one pipeline."""

    stack: Stack
    pipeline: Pipeline
    settings: Settings
    folder: Path
    pipeline_arg: str
    workers: list[WorkerProcess] = field(default_factory=list)
    #: Variables that the workers have besides.
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "SENSORIUM_KAFKA__BOOTSTRAP": self.stack.kafka_bootstrap,
            "SENSORIUM_REDIS__URL": self.stack.redis_url,
            "SENSORIUM_KAFKA__SESSION_TIMEOUT_MS": "2000",
            "SENSORIUM_WORKER__THREADS": "1",
            **self.variables,
        }

    def start_worker(self, model: Model = "shipped") -> WorkerProcess:
        port = free_port()
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", _PROGRAMS[model], "worker", "--pipeline", self.pipeline_arg],
                env={**self.environ, "SENSORIUM_WORKER__WEB_PORT": str(port)},
                cwd=_REPOSITORY,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        worker = WorkerProcess(process, port, log)
        self.workers.append(worker)
        return worker

    async def feed(self, items: Iterable[FeedItem], speed: float | None = None) -> None:
        kafka = client_kwargs(self.settings.kafka)
        await play(items, kafka=kafka, pipeline=self.pipeline, speed=speed)

    @asynccontextmanager
    async def producing(self) -> AsyncIterator[aiokafka.AIOKafkaProducer]:
        """A producer of one's own; what it was given is with the broker when the block ends."""
        producer = aiokafka.AIOKafkaProducer(
            **producer_kwargs(
                self.settings.kafka, "test", linger_ms=20, max_request_bytes=16_000_000
            ),
            max_batch_size=1_000_000,
        )
        await producer.start()
        try:
            yield producer
            await producer.flush()
        finally:
            await producer.stop()

    async def end_sessions(self, sessions: Iterable[str]) -> None:
        """Say on every input that these sessions are over."""
        async with self.producing() as producer:
            for session in sessions:
                for name in self.pipeline.inputs:
                    await producer.send(
                        self.pipeline.topic(name),
                        b"",
                        session.encode(),
                        headers=[("ce_type", SESSION_END_TYPE.encode())],
                    )

    async def collect(
        self,
        topic: str,
        enough: Callable[[list[Record]], bool],
        *,
        timeout_s: float = 90.0,
        settle_s: float = 1.0,
    ) -> list[Record]:
        """Read an output topic from its beginning until ``enough``, and ``settle_s`` longer, so
        that a result too many would be seen.
        """
        consumer = aiokafka.AIOKafkaConsumer(
            self.pipeline.topic(topic),
            **client_kwargs(self.settings.kafka),
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        records: list[Record] = []
        deadline = time.monotonic() + timeout_s
        last = time.monotonic()
        try:
            while not enough(records) or time.monotonic() - last < settle_s:
                assert time.monotonic() < deadline, (
                    f"{topic}: {len(records)} records after {timeout_s:g} s\n{self.logs()}"
                )
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    last = time.monotonic()
                    records += [
                        Record(
                            each.topic,
                            each.partition,
                            each.offset,
                            each.timestamp,
                            each.key,
                            each.value,
                            each.headers,
                        )
                        for each in batch
                    ]
        finally:
            await consumer.stop()
        return records

    async def results(self, windows: int, *, timeout_s: float = 90.0) -> list[Result]:
        """Every published result, repeats included, once so many distinct final ones are there."""
        results: list[Result] = []
        final: set[str] = set()

        def enough(records: list[Record]) -> bool:
            fresh = [decode_result(each.value or b"") for each in records[len(results) :]]
            results.extend(fresh)
            final.update(one.id for one in fresh if one.final)
            return len(final) >= windows

        await self.collect("results", enough, timeout_s=timeout_s)
        return results

    def logs(self) -> str:
        return "\n".join(worker.log.read_text()[-2000:] for worker in self.workers)


def _write(pipeline: Pipeline, folder: Path) -> str:
    """The path of a file that a worker reads as this pipeline (YAML reads JSON)."""
    path = folder / f"{pipeline.pipeline}.yaml"
    path.write_text(pipeline.model_dump_json(), encoding="utf-8")
    return str(path)


@contextmanager
def site(pipeline: Pipeline, folder: Path, stack: Stack | None = None) -> Iterator[Site]:
    """Start servers, or use a stack's, make the topics, and end every worker afterwards.

    A pipeline that is not shipped is written to a file for the workers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = pipeline.pipeline
    if name not in shipped_pipelines() or pipeline != load_pipeline(name):
        name = _write(pipeline, folder)
    with contextlib.nullcontext(stack) if stack else embedded_stack() as stack:
        settings = load_settings(
            environ={
                "SENSORIUM_KAFKA__BOOTSTRAP": stack.kafka_bootstrap,
                "SENSORIUM_REDIS__URL": stack.redis_url,
            }
        )
        ensure_topics(settings.kafka, plan_topics(pipeline))
        here = Site(stack, pipeline, settings, folder, name)
        try:
            yield here
        finally:
            for worker in here.workers:
                if worker.process.poll() is None:
                    worker.kill()
