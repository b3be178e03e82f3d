"""Fixtures that every test may use: the servers, the shared data and names of one's own."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from streams.stack import Stack, embedded_stack

# Before anything imports Faust: its Cython path inlines `ack`, which the consumer has to see.
os.environ.setdefault("NO_CYTHON", "1")

# The machines that run this share two cores: a slow example is no failure.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The broker and Redis of this run: the servers named by URL, else embedded ones.

    Shared by all tests: take names from ``unique_name``, and do not kill these servers (start
    an ``embedded_stack`` of your own for that).
    """
    bootstrap = os.environ.get("SENSORIUM_KAFKA__BOOTSTRAP", "")
    url = os.environ.get("SENSORIUM_REDIS__URL", "")
    with embedded_stack(kafka=not bootstrap, redis=not url) as started:
        yield replace(
            started,
            kafka_bootstrap=bootstrap or started.kafka_bootstrap,
            redis_url=url or started.redis_url,
        )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded data: ``data`` in SENSORIUM_SHARED, else in ../shared."""
    named = os.environ.get("SENSORIUM_SHARED")
    folder = (Path(named) if named else REPOSITORY.parent / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}; SENSORIUM_SHARED may name the folder above it")
    return folder


@pytest.fixture
def unique_name(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Make names that no other test and no other run has, fit for topics, groups and keys.

    ``unique_name("call")`` gives ``call-worker-survives-3f9a1c2e``: what the caller named it,
    the start of the test's name, and a random end.
    """
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:24]

    def make(prefix: str) -> str:
        return f"{prefix}-{test.strip('-')}-{uuid.uuid4().hex[:8]}"

    return make
