"""How often a record was a dead letter, as its own header says."""

from __future__ import annotations

import pytest

from schemas.pipeline_file import load_pipeline
from streams.processor.outputs import ATTEMPTS, dead_letter
from streams.records import Record


@pytest.mark.parametrize(
    ("told", "attempts"), [(b"2", b"3"), (b"many", b"1"), (b"9" * 5_000, b"1")]
)
def test_attempts_are_counted_on_from_what_can_be_one(told: bytes, attempts: bytes) -> None:
    record = Record("t", 0, 0, 0, b"s", b"", ((ATTEMPTS, told),))
    letter = dead_letter(
        load_pipeline("call"), record,
        stage="intake", error_class="E", reason="r", message="m",
    )  # fmt: skip
    assert dict(letter.headers)[ATTEMPTS] == attempts
