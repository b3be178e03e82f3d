"""The command in this process or in one of its own, and a pipeline that nobody else has."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from schemas.result import Result
from schemas.settings import KafkaSettings
from streams.stack import Stack
from workers.cli.main import main

_TOUCHED_LOGGERS = ("aiokafka", "kafka", "redis", "asyncio")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


class Sensorium(Protocol):
    """Runs the command in this process."""

    def __call__(self, *arguments: str) -> Done: ...


class Publish(Protocol):
    """Puts a window with its result on topics of its own; gives the pipeline file."""

    def __call__(
        self, change: Callable[[Result], Result] = ..., without: str | None = None
    ) -> str: ...


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the caller's reaches a command; loggers are as before afterwards."""
    for name in list(os.environ):
        if name.startswith("SENSORIUM_") and name != "SENSORIUM_SHARED":
            monkeypatch.delenv(name)
    levels = {name: logging.getLogger(name).level for name in _TOUCHED_LOGGERS}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def sensorium(capsys: pytest.CaptureFixture[str]) -> Sensorium:
    def run(*arguments: str) -> Done:
        capsys.readouterr()
        status = main(list(arguments))
        out, err = capsys.readouterr()
        return Done(status, out, err)

    return run


@pytest.fixture
def on_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The settings name the run's broker and Redis."""
    monkeypatch.setenv("SENSORIUM_KAFKA__BOOTSTRAP", stack.kafka_bootstrap)
    monkeypatch.setenv("SENSORIUM_REDIS__URL", stack.redis_url)
    return stack


@pytest.fixture
def publish(on_stack: Stack, tmp_path: Path, unique_name: Callable[[str], str]) -> Publish:
    from tests.insight.on_topics import publish_window, write_pipeline

    kafka = KafkaSettings(bootstrap=on_stack.kafka_bootstrap)

    def make(
        change: Callable[[Result], Result] = lambda one: one, without: str | None = None
    ) -> str:
        path = write_pipeline(tmp_path, unique_name("heat"))
        asyncio.run(publish_window(path, kafka, change, without))
        return path

    return make


@pytest.fixture
def own_pipeline(tmp_path: Path, unique_name: Callable[[str], str]) -> tuple[str, str]:
    """Path and name of a pipeline with one text input and no model."""
    name = unique_name("p")
    path = tmp_path / "own.yaml"
    path.write_text(
        f"pipeline: {name}\n"
        "partitions: 2\n"
        "inputs:\n"
        "  notes: {modality: text, sensors: [pen]}\n"
        "window: {size: 1s}\n"
        "model: {name: no-such-model}\n"
    )
    return str(path), name


def run_apart(*arguments: str, timeout_s: float = 120.0) -> Done:
    """The command in a process of its own, with this process's variables."""
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
