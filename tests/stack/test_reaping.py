"""No server outlives the process that started it, however that process ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.stack import RedisProcess, embedded_stack
from streams.stack.leash import ORPHAN_CHECK_S
from tests.stack.processes import ends_within, parent_of

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).resolve().parents[2]

#: Seconds for a leash to notice and for two servers to end; they need a few milliseconds.
END_S = 10.0

# The program announces its servers' ids, and then waits for its standard input to close.
PROGRAM = """
import json, os, sys
from pathlib import Path
from streams.stack import embedded_stack

{before}
with embedded_stack(data_dir=Path(sys.argv[1])) as stack:
    print(json.dumps(stack.pids), flush=True)
    sys.stdin.read()
    {inside}
"""


@contextmanager
def program_with_a_stack(
    data_dir: Path, *, before: str = "", inside: str = "pass"
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Run PROGRAM; give it and the ids of all it started: servers and their leashes."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(before=before, inside=inside), str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as program:
        try:
            servers = list(json.loads(program.stdout.readline()).values())
            yield program, servers + [parent_of(pid) for pid in servers]
        finally:
            program.kill()


def assert_all_end(pids: list[int], within_s: float = END_S) -> None:
    assert pids
    left = [pid for pid in pids if not ends_within(pid, within_s)]
    assert not left


def test_servers_end_with_the_block(tmp_path):
    with embedded_stack(data_dir=tmp_path) as stack:
        pids = list(stack.pids.values())
    assert_all_end(pids, within_s=0)


def test_servers_end_when_the_block_raises(tmp_path):
    with pytest.raises(RuntimeError), embedded_stack(data_dir=tmp_path) as stack:
        raise RuntimeError
    assert_all_end(list(stack.pids.values()), within_s=0)


def test_servers_end_when_a_later_one_cannot_start(tmp_path, monkeypatch):
    started = []

    def fail(redis_process):
        started.append((tmp_path / "kafka.log").exists())
        raise RuntimeError("no Redis today")

    monkeypatch.setattr("streams.stack.servers.RedisProcess.start", fail)
    before = children()
    with pytest.raises(RuntimeError, match="no Redis today"), embedded_stack(data_dir=tmp_path):
        pass
    assert started == [True]
    assert children() == before


def test_servers_end_with_a_program_that_finishes(tmp_path):
    with program_with_a_stack(tmp_path) as (program, pids):
        program.stdin.close()
        assert program.wait(END_S) == 0
        assert_all_end(pids)


def test_servers_end_with_a_program_that_leaves_without_cleaning_up(tmp_path):
    with program_with_a_stack(tmp_path, inside="os._exit(3)") as (program, pids):
        program.stdin.close()
        assert program.wait(END_S) == 3
        assert_all_end(pids)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_servers_end_with_a_program_that_is_ended_by(signum, tmp_path):
    with program_with_a_stack(tmp_path) as (program, pids):
        program.send_signal(signum)
        assert program.wait(END_S) != 0
        assert_all_end(pids)


def test_ctrl_c_in_the_terminal_reaches_the_program_and_not_its_servers(tmp_path):
    with program_with_a_stack(tmp_path) as (program, pids):
        # The terminal signals its whole foreground group, which is the program's.
        assert os.getpgid(program.pid) not in {os.getpgid(pid) for pid in pids}


def test_servers_end_although_a_forked_child_still_holds_the_lifeline(tmp_path):
    # Without exec the child keeps the writing end open, so no end of file comes.
    fork = "pid = os.fork()\n    if pid == 0: os.closerange(0, 3); signal.pause()\n"
    fork += "    Path(sys.argv[1], 'forked').write_text(str(pid)); os.kill(os.getpid(), 9)"
    with program_with_a_stack(tmp_path, before="import signal", inside=fork) as (program, pids):
        program.stdin.close()
        program.wait(END_S)
        forked = int((tmp_path / "forked").read_text())
        try:
            assert_all_end(pids, within_s=ORPHAN_CHECK_S + END_S)
            assert not ends_within(forked, 0)
        finally:
            os.kill(forked, signal.SIGKILL)


def test_a_server_ends_when_only_its_leash_is_killed(tmp_path):
    with embedded_stack(data_dir=tmp_path, kafka=False) as stack:
        os.kill(parent_of(stack.redis.pid), signal.SIGKILL)
        assert ends_within(stack.redis.pid, END_S)


def test_a_server_that_a_thread_started_stays_when_the_thread_ends(tmp_path):
    redis = RedisProcess(tmp_path)
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            pool.submit(redis.start).result()
        assert not redis.wait(0.2)
    finally:
        redis.stop()


def children() -> set[int]:
    """The ids of this process's children, those that nobody has waited for included."""
    return {
        int(child)
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }
