from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from streams.engine.base import BaseEngine
from streams.engine.port import Engine
from streams.engine.testing import RecordingProcessor
from streams.records import Chunk
from tests.engine.conftest import Ground

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]


class Worker:
    """A worker process whose lines are read as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, line: str, timeout_s: float = 20) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(timeout_s):
            while line not in self.lines:
                got = await self.process.stdout.readline()
                assert got, f"the worker ended without {line!r}, after {self.lines}"
                self.lines.append(got.decode().strip())

    async def ended(self) -> tuple[int, str]:
        """Exit code, and what it wrote to standard error."""
        async with asyncio.timeout(20):
            out, err = await self.process.communicate()
        self.lines += out.decode().splitlines()
        return self.process.returncode or 0, err.decode()


@asynccontextmanager
async def worker(ground: Ground, kind: str, mode: str) -> AsyncIterator[Worker]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("worker_process.py")),
        *(kind, ground.kafka.bootstrap, str(ground.kafka.session_timeout_ms)),
        *(ground.inputs[0], ground.output, ground.group, mode),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Worker(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture(params=["faust", pytest.param("aiokafka", marks=pytest.mark.slow)])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


async def test_sigterm_drains_what_is_in_hand_and_commits_it(ground: Ground, kind: str) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"%d" % number for number in range(50)])
    async with worker(ground, kind, "hold") as process:
        await process.until("held 50")
        process.process.terminate()
        code, err = await process.ended()
    assert code == 0, err
    assert process.lines[-1] == "drained"
    assert len(await ground.read_output(50)) == 50
    assert await ground.committed(tp) == 50


async def test_a_second_sigterm_ends_a_drain_that_is_stuck(ground: Ground, kind: str) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"v"])
    async with worker(ground, kind, "stuck") as process:
        await process.until("held 1")
        process.process.terminate()
        await process.until("stuck")
        process.process.terminate()
        code, err = await process.ended()
    assert code == 1, err
    assert await ground.committed(tp) is None


async def test_an_escaped_exception_ends_the_worker_with_an_exit_code(
    ground: Ground, kind: str
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"my-secret"])
    async with worker(ground, kind, "raise") as process:
        code, err = await process.ended()
    assert code == 1
    assert "ValueError" in err
    assert "my-secret" not in err
    assert "drained" not in process.lines
    assert await ground.committed(tp) is None


async def test_a_survivor_takes_over_after_kill_9_and_no_record_is_lost(ground: Ground) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"%d" % number for number in range(50)])
    async with worker(ground, "faust", "hold") as doomed:
        await doomed.until("held 50")
        doomed.process.kill()
    async with worker(ground, "faust", "echo") as survivor:
        await survivor.until("assigned 2")
        output = await ground.read_output(50)
        survivor.process.terminate()
        await survivor.ended()
    assert sorted(int(record.value or b"-1") for record in output) == list(range(50))


async def raise_at_50(engine: Engine, chunk: Chunk) -> None:
    if chunk.records[0].offset >= 50:
        raise RuntimeError("a lost dependency")
    engine.commit_through({chunk.tp: chunk.next_offset})


async def test_what_raised_is_read_again_after_a_restart(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"v"] * 100)
    engine = engine_class(ground.settings(), RecordingProcessor(raise_at_50))
    await engine.start()
    await asyncio.wait_for(engine.wait_failed(), 10)
    await engine.stop()
    again = RecordingProcessor()
    async with engine_class(ground.settings(), again).running():
        await again.until(lambda p: len(p.records) >= 50, 10)
    assert again.offsets(tp) == list(range(50, 100))


async def test_running_raises_what_escaped_the_processor(
    ground: Ground, engine_class: type[BaseEngine]
) -> None:
    await ground.produce(ground.tp(0, 0), [b"v"] * 100)
    with pytest.raises(RuntimeError, match="lost dependency"):
        async with engine_class(ground.settings(), RecordingProcessor(raise_at_50)).running() as e:
            await asyncio.wait_for(e.wait_failed(), 10)


async def test_drain_is_the_last_call_of_a_stop(
    ground: Ground, each_engine: type[BaseEngine]
) -> None:
    processor = RecordingProcessor()
    async with each_engine(ground.settings(), processor).running():
        await processor.until(lambda p: bool(p.assigned), 10)
    assert processor.calls == ["start", "assigned", "drain"]
