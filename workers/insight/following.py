"""Follows a pipeline's events and keeps what each rests on. A process of its own, which nothing
waits for: results do not come later for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from schemas.event import Event
from schemas.pipeline import Pipeline
from schemas.settings import KafkaSettings
from schemas.units import iso_to_us
from workers.backends.base import Model
from workers.errors import DeviceError, InsightError, WorkerError
from workers.insight.album import Album
from workers.insight.inquiry import Inquiry
from workers.insight.on_request import inquire_on_request

log = logging.getLogger(__name__)

#: How often, and how long after each other, a result is looked for that is not there yet.
_TRIES, _PAUSE_S = 5, 1.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One page of the album."""

    event: Event
    inquiry: Inquiry
    page: Path

    @property
    def session(self) -> str:
        """The event's."""
        return self.event.session


async def keep_evidence(
    events: AsyncGenerator[Event, None],
    pipeline: Pipeline,
    model: Model,
    kafka: KafkaSettings,
    album: Album,
    *,
    names: Collection[str] = (),
    sessions: Collection[str] = (),
) -> AsyncGenerator[Kept, None]:
    """A page for each event that opens, of its task and label and the window that opened it.

    ``names``, ``sessions``: of the events that are wanted, all where empty. One that cannot be
    explained is logged and passed over. Raises ``DeviceError``, ``BrokerUnreachable`` and
    ``OSError``.
    """
    async with aclosing(events):
        async for event in events:
            if not _is_wanted(event, names, sessions):
                continue
            try:
                inquiry = await _ask(event, pipeline, model, kafka)
            except DeviceError:
                raise
            except WorkerError as error:
                log.warning("event %s is passed over: %s", event.event_id, error)
                continue
            yield Kept(event, inquiry, album.keep(event, inquiry))


def _is_wanted(event: Event, names: Collection[str], sessions: Collection[str]) -> bool:
    return (
        event.action == "opened"
        and (not names or event.name in names)
        and (not sessions or event.session in sessions)
    )


async def _ask(event: Event, pipeline: Pipeline, model: Model, kafka: KafkaSettings) -> Inquiry:
    """An event and its result are published together, on two topics: the result may be readable a
    little later.
    """
    for left in reversed(range(_TRIES)):
        try:
            return await inquire_on_request(
                model,
                pipeline,
                event.session,
                iso_to_us(event.until) - pipeline.window.size_us,
                kafka,
                task=event.task,
                label=event.label,
            )
        except InsightError as error:
            if not (error.retriable and left):
                raise
            await asyncio.sleep(_PAUSE_S)
    raise AssertionError("unreachable: the last try returns or raises")
