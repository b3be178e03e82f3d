"""The stack itself: a broker and a Redis for as long as a ``with`` block lasts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streams.stack.component import StackProcess
from streams.stack.errors import NotManaged
from streams.stack.servers import KafkaProcess, RedisProcess


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Where the broker and Redis are, and their processes where this program started them.

    >>> stack = Stack(kafka_bootstrap="kafka.example:9092", redis_url="redis://redis.example:6379/0")
    >>> stack.kafka_bootstrap, stack.pids
    ('kafka.example:9092', {})
    """

    #: ``host:port``; empty where the stack has no broker.
    kafka_bootstrap: str
    #: ``redis://host:port/0``; empty where the stack has no Redis.
    redis_url: str
    #: The folder of the servers' logs; None where nothing was started.
    log_dir: Path | None = None
    #: Component name to its process; a name is missing where the server is not ours.
    processes: Mapping[str, StackProcess] = field(default_factory=dict, repr=False)

    @property
    def pids(self) -> dict[str, int]:
        """Component name to the process id it has now (a restart gives it another)."""
        return {name: process.pid for name, process in self.processes.items()}

    @property
    def kafka(self) -> KafkaProcess:
        """The broker's process; NotManaged where this stack did not start it."""
        process = self.processes.get(KafkaProcess.name)
        if not isinstance(process, KafkaProcess):
            raise self._not_managed(KafkaProcess.name, self.kafka_bootstrap)
        return process

    @property
    def redis(self) -> RedisProcess:
        """The process of Redis; NotManaged where this stack did not start it."""
        process = self.processes.get(RedisProcess.name)
        if not isinstance(process, RedisProcess):
            raise self._not_managed(RedisProcess.name, self.redis_url)
        return process

    def check(self) -> None:
        """Raise ComponentDied where a server of this stack has ended."""
        for process in self.processes.values():
            process.check()

    def _not_managed(self, name: str, address: str) -> NotManaged:
        return NotManaged(
            name,
            expected="a server that this stack started",
            got=f"one that was named as {address}" if address else "a stack without it",
            remedy=f"Start it with embedded_stack({name}=True).",
        )


@contextmanager
def embedded_stack(
    *,
    data_dir: Path | None = None,
    redis: bool = True,
    kafka: bool = True,
    redis_aof: bool = False,
) -> Iterator[Stack]:
    """Start a broker and Redis on free loopback ports, and end them with the block.

    Both answer when the block begins. They end with this process however it ends, ``kill -9``
    included (see ``streams.stack.leash``).

    Args:
        data_dir: folder for logs and working files, kept afterwards; use one per stack. By
            default a temporary folder, which is removed unless an error ends the block.
        redis: whether to start Redis.
        kafka: whether to start the broker.
        redis_aof: let Redis write an append-only file into ``data_dir``, so that it has its
            keys again after a restart.

    Raises:
        StackError: a server cannot be started; the others are ended.
    """
    with _folder(data_dir) as log_dir, ExitStack() as running:
        processes: dict[str, StackProcess] = {}
        bootstrap = url = ""
        if kafka:
            broker = KafkaProcess(log_dir)
            running.callback(broker.stop)
            broker.start()
            processes[broker.name], bootstrap = broker, broker.address
        if redis:
            store = RedisProcess(log_dir, aof=redis_aof)
            running.callback(store.stop)
            store.start()
            processes[store.name], url = store, store.url
        yield Stack(kafka_bootstrap=bootstrap, redis_url=url, log_dir=log_dir, processes=processes)


@contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    """Yield the folder to write to; a temporary one is kept only for whoever reads an error."""
    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
        yield data_dir.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="sensorium-stack-"))
    keep = False
    try:
        yield folder
    except Exception as error:  # Ctrl-C, exit and cancellation are no Exception: ordinary ends
        keep = True
        error.add_note(f"The logs of the embedded stack are kept in {folder}")
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
