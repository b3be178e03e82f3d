"""One sample that is about to be fed, whatever it was read or rendered from."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import RawHeaders


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One sample of a recording or a scene.

    ``start_us``/``end_us``: event time by the sensor's own clock. ``due_us``: moment on the
    recording's true clock at which the sensor hands the sample over (delay and jitter included);
    the player sends items in ascending ``due_us``.

    ``headers``: of the record that the sample was, where it was recorded from a topic; they are
    sent in place of those that would be made of the fields above. ``timestamp_ms``: its Kafka
    timestamp; without one it is ``start_us``. A recorded record that is no sample (it would be a
    dead letter) has an empty session where it has no key that is text.
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
    headers: RawHeaders | None = None
    timestamp_ms: int | None = None
