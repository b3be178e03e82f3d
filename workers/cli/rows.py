"""Results and events as rows of text. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.units import US_PER_S, iso_to_us

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.event import Event
    from schemas.object_events import ObjectEvent, SituationEvent
    from schemas.result import Result
    from streams.session_events import AnyEvent

RESULT_COLUMNS = (
    "session",
    "window",
    "labels",
    "shares",
    "complete",
    "missing",
    "after",
)
EVENT_COLUMNS = ("session", "event", "action", "label", "since", "lasted", "id")

_BARS = "▁▂▃▄▅▆▇█"


def result_row(result: Result, now_ms: int) -> tuple[str, ...]:
    """One result: labels with probability, shares as bars, what is missing and why, and how long
    after its window was complete it came.
    """
    labels = "  ".join(
        f"{task}: {answer.label} {answer.probabilities[answer.label]:.0%}"
        for task, answer in result.tasks.items()
    )
    if result.objects:
        labels = f"{labels}  objects: {len(result.objects)}".strip()
    missing = ", ".join(
        f"{name} ({use.absent})" for name, use in result.sensors.items() if use.absent
    )
    return (
        result.session,
        span(result.window.start, result.window.end) + ("" if result.final else " early"),
        labels,
        shares(result.modalities),
        f"{result.quality.completeness:.0%}",
        missing or "none",
        f"{max(0, now_ms - result.timings.completed_at_ms)} ms",
    )


def event_row(event: AnyEvent) -> tuple[str, ...]:
    """One change of an event of any kind."""
    from schemas.object_events import ObjectEvent, SituationEvent

    match event:
        case ObjectEvent():
            return _object_row(event)
        case SituationEvent():
            return _situation_row(event)
        case _:
            return _task_row(event)


def _object_row(event: ObjectEvent) -> tuple[str, ...]:
    found = event.object
    place = "in an image alone"
    if found.kinematics is not None:
        x, y, _ = found.kinematics.position
        place = f"{x:.1f} m ahead, {abs(y):.1f} m {'left' if y >= 0 else 'right'}"
    return (
        event.session,
        "object",
        event.action,
        f"{found.label} {found.existence_probability:.0%}, {place}",
        found.since,
        f"{found.age_ms / 1_000:g} s",
        found.object_id,
    )


def _situation_row(event: SituationEvent) -> tuple[str, ...]:
    lasted_s = (iso_to_us(event.until) - iso_to_us(event.since)) / US_PER_S
    return (
        event.session,
        event.name,
        event.action,
        f"{event.object.label}: {event.value:g} {event.unit} (worst {event.worst:g})",
        event.since,
        f"{lasted_s:g} s",
        event.event_id,
    )


def _task_row(event: Event) -> tuple[str, ...]:
    lasted_s = (iso_to_us(event.until) - iso_to_us(event.since)) / US_PER_S
    return (
        event.session,
        event.name,
        event.action,
        f"{event.task}: {event.label} {event.probability:.0%} (peak {event.peak_probability:.0%})",
        event.since,
        f"{lasted_s:g} s",
        event.event_id,
    )


def span(start: str, end: str) -> str:
    """A window as its start's time of day and its length.

    >>> span("2026-03-01T12:00:02.500Z", "2026-03-01T12:00:03.000Z")
    '12:00:02.500 +0.5s'
    """
    length_s = (iso_to_us(end) - iso_to_us(start)) / US_PER_S
    return f"{start[11:].rstrip('Z')} +{length_s:g}s"


def shares(modalities: Mapping[str, float]) -> str:
    """Each modality's share in the answer, as a bar of eight heights.

    >>> shares({"audio": 0.9, "text": 0.1})
    'audio █ text ▁'
    """
    return " ".join(f"{name} {_bar(share)}" for name, share in modalities.items())


def _bar(share: float) -> str:
    return _BARS[min(len(_BARS) - 1, max(0, int(share * len(_BARS))))]
