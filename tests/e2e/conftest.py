"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.stack import Stack, embedded_stack


@pytest.fixture(scope="package")
def servers() -> Iterator[Stack]:
    """A broker and Redis for tests whose pipelines have names of their own; they may be wiped."""
    with embedded_stack() as stack:
        yield stack
