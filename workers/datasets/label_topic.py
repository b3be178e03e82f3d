"""Labels from a topic: records keyed by session, each JSON ``{task, label, start, end}``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing

from schemas.settings import KafkaSettings
from streams.records import Record
from streams.topic_ends import read_to_end
from workers.datasets.base import Cleaned, Label
from workers.datasets.label_file import as_label
from workers.datasets.making import Cleaning, sorted_labels


def decode_label(record: Record) -> Label:
    """One record's label. Raises ``ValueError`` that says what is wrong with it."""
    try:
        session = (record.key or b"").decode()
        row = json.loads(record.value or b"")
    except ValueError:
        raise ValueError("expected a key as text and a value as JSON") from None
    if not isinstance(row, dict):
        raise ValueError("expected a JSON object")
    return as_label({**row, "session": session})


async def read_label_topic(
    topic: str, kafka: KafkaSettings
) -> tuple[tuple[Label, ...], Sequence[Cleaned]]:
    """Every label of a topic up to its present end, sorted, and what was dropped and why.

    A record without a value takes nothing back: it is dropped like any other that is no label.
    Raises ``TopicError`` where there is no such topic.
    """
    cleaning = Cleaning()
    labels: list[Label] = []
    async with aclosing(read_to_end(topic, kafka)) as records:
        async for record in records:
            try:
                labels.append(decode_label(record))
            except ValueError as error:
                cleaning.dropped(f"record that is no label: {error}")
    return sorted_labels(labels), cleaning.told()
