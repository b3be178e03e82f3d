"""One sample that is about to be fed, whatever it was read or rendered from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One sample of a recording or a scene.

    ``start_us``/``end_us``: event time by the sensor's own clock. ``due_us``: moment on the
    recording's true clock at which the sensor hands the sample over (delay and jitter included);
    the player sends items in ascending ``due_us``.
    """

    session: str
    input: str
    sensor: str
    start_us: int
    end_us: int
    content_type: str
    payload: bytes
    sequence: int
    due_us: int
