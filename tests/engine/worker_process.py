"""A worker for the tests that end one: ``worker_process.py ENGINE BOOTSTRAP INPUT GROUP MODE``.

Prints one line for each step. MODE ``hold`` keeps what it has read and publishes it in ``drain``;
``echo`` publishes each chunk and declares it finished; ``raise`` raises in the first chunk;
``stuck`` never ends its drain.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Collection, Mapping

from schemas.settings import KafkaSettings
from streams.engine.app import FaustEngine
from streams.engine.loop import AiokafkaEngine
from streams.engine.port import Engine
from streams.engine.settings import EngineSettings
from streams.engine.worker import run_worker
from streams.records import Chunk, OutRecord, TopicPartition


class Echo:
    def __init__(self, mode: str, output: str) -> None:
        self.mode, self.output = mode, output
        self.held: list[Chunk] = []

    async def start(self, engine: Engine) -> None:
        self.engine = engine

    async def on_assigned(self, committed: Mapping[TopicPartition, int], generation: int) -> None:
        print("assigned", len(committed), flush=True)

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        self.held.clear()

    async def on_chunk(self, chunk: Chunk) -> None:
        if self.mode == "raise":
            raise ValueError(f"a bug with {chunk.records[0].value!r}")
        self.held.append(chunk)
        if self.mode == "echo":
            await self.publish()
        print("held", sum(len(each.records) for each in self.held), flush=True)

    async def on_tick(self, now_ms: int) -> None:
        pass

    async def drain(self) -> None:
        if self.mode == "stuck":
            print("stuck", flush=True)
            await asyncio.Event().wait()
        await self.publish()
        print("drained", flush=True)

    async def publish(self) -> None:
        held, self.held = self.held, []
        for chunk in held:
            await self.engine.publish(
                [OutRecord(self.output, r.key, r.value) for r in chunk.records]
            )
            self.engine.commit_through({chunk.tp: chunk.next_offset})


def main() -> int:
    kind, bootstrap, session_ms, topic, output, group, mode = sys.argv[1:]
    settings = EngineSettings(
        topics=(topic,),
        partitions=2,
        group_id=group,
        kafka=KafkaSettings(
            bootstrap=bootstrap, session_timeout_ms=int(session_ms), commit_interval_ms=50
        ),
    )
    engine_class = {"faust": FaustEngine, "aiokafka": AiokafkaEngine}[kind]
    return run_worker(engine_class(settings, Echo(mode, output)))


if __name__ == "__main__":
    sys.exit(main())
