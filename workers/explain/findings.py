"""What is out of the ordinary in a window, one sentence each. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from schemas.units import US_PER_MS
from workers.explain.model import Explanation, Kind, SampleMark, SensorFacts
from workers.explain.words import counted, lasting, listed, number, plain, range_ms, signed

#: Share of the window by which the middle of all samples may be off before it is worth a sentence;
#: evenly spaced samples are off by half their distance.
_PLAIN_SKEW = 0.1
#: A chosen sample that is nearer to its reference time is as good as on it, ms.
_PLAIN_NEAREST_MS = 1.0
#: Coverage as it is rounded in results.
_WHOLE = 0.9995

ABSENT_IN_WORDS = {
    "never_seen": "it was never seen before the window ended",
    "idle": "it was silent and not waited for",
    "dropped": "its samples in the window were dropped, for want of room",
    "late": "its samples came when the window was closed",
    "invalid": "none of its samples in the window could be read",
}
_LATE_IN_WORDS = {
    "behind_sensor": "newer samples of the same sensor had closed the window",
    "window_closed": "the window was closed without waiting for it",
}


def findings(explanation: Explanation) -> list[str]:
    """Sentences, the gravest first; never empty."""
    sentences = [
        *_state(explanation),
        *(sentence for sensor in explanation.sensors for sentence in _absence(sensor)),
        *_late(explanation),
        *_invalid(explanation),
        *(sentence for sensor in explanation.sensors for sentence in _use(sensor, explanation)),
        *explanation.limits,
    ]
    return sentences or ["Every sensor is there and nothing is out of the ordinary."]


def _state(explanation: Explanation) -> Iterator[str]:
    newest, closing = explanation.revisions[-1], explanation.closing
    if not newest.final:
        yield f"Revision {newest.revision} is not final: another will follow."
    if closing.recorded and closing.watermark_us is None:
        yield (
            "Every sensor was idle, or its session had ended: the window was flushed, not closed "
            "by a watermark."
        )
    absent = {sensor.name for sensor in explanation.sensors if sensor.use.absent}
    waived = [name for name in closing.idle if name not in absent]
    if waived and closing.watermark_us is not None:
        verb = "was" if len(waived) == 1 else "were"
        yield f"{listed(waived)} {verb} idle when the window closed, and not waited for."


def _absence(sensor: SensorFacts) -> Iterator[str]:
    if sensor.use.absent is not None:
        yield f"{sensor.name} is absent: {ABSENT_IN_WORDS[sensor.use.absent]}."


def _diverted(explanation: Explanation, kind: Kind) -> dict[str, list[SampleMark]]:
    """Sensor -> its diverted samples that would have counted in this window."""
    window = explanation.window
    at_end = {sensor.name for sensor in explanation.sensors if sensor.timed_at_end}
    found: dict[str, list[SampleMark]] = {}
    for mark in explanation.samples:
        counts_us = mark.end_us if mark.sensor in at_end else mark.start_us
        if mark.kind == kind and window.start_us <= counts_us < window.end_us:
            found.setdefault(mark.sensor, []).append(mark)
    return found


def _late(explanation: Explanation) -> Iterator[str]:
    for name, marks in _diverted(explanation, "late").items():
        amounts = [mark.late_by_ms for mark in marks if mark.late_by_ms is not None]
        by = f", by {range_ms(amounts)}" if amounts else ""
        reasons = [
            _LATE_IN_WORDS.get(mark.reason or "", plain(mark.reason or "")) for mark in marks
        ]
        why = listed(sorted(set(reasons)))
        yield f"{counted(len(marks), 'sample')} of {name} came late{by}: {why}."


def _invalid(explanation: Explanation) -> Iterator[str]:
    by_sensor = _diverted(explanation, "invalid")
    for name, marks in by_sensor.items():
        reasons = Counter(plain(mark.reason or "unknown") for mark in marks)
        why = ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
        untimed = sum(not mark.time_known for mark in marks)
        placed = f"; {untimed} drawn at the Kafka timestamp, for want of a time" if untimed else ""
        are = "is a dead letter" if len(marks) == 1 else "are dead letters"
        yield f"{counted(len(marks), 'sample')} of {name} {are}: {why}{placed}."
    for sensor in explanation.sensors:
        elsewhere = sensor.use.invalid - len(by_sensor.get(sensor.name, ()))
        if elsewhere > 0:
            yield (
                f"{counted(elsewhere, 'invalid sample')} of {sensor.name} "
                f"{'was' if elsewhere == 1 else 'were'} counted and not found among the "
                "dead letters."
            )


def _use(sensor: SensorFacts, explanation: Explanation) -> Iterator[str]:
    name, use = sensor.name, sensor.use
    if use.dropped and use.absent != "dropped":
        yield (
            f"{counted(use.dropped, 'sample')} of {name} "
            f"{'was' if use.dropped == 1 else 'were'} dropped, for want of room."
        )
    if 0.0 < use.coverage < _WHOLE:
        yield f"{name} covers {use.coverage:.0%} of the window."
    skew = _skew(sensor, explanation)
    if skew:
        yield skew
    if use.age_ms is not None:
        yield f"{name} is held from {lasting(use.age_ms)} before the window's end."
    if use.gaps:
        are = "is" if use.gaps == 1 else "are"
        yield f"{counted(use.gaps, 'sequence number')} of {name} {are} missing."
    if use.repeats:
        yield f"{counted(use.repeats, 'sequence number')} of {name} came again."
    if use.clock is not None and use.clock.offset_ms:
        yield f"The clock of {name} was put right by {signed(use.clock.offset_ms)} ms."
    if sensor.unread:
        yield (
            f"{counted(sensor.unread, 'sample')} of {name} could not be read again and "
            f"{'is' if sensor.unread == 1 else 'are'} not drawn."
        )


def _skew(sensor: SensorFacts, explanation: Explanation) -> str | None:
    skew_ms = sensor.use.skew_ms
    if skew_ms is None or sensor.matcher == "hold":
        return None
    length_ms = (explanation.window.end_us - explanation.window.start_us) / US_PER_MS
    nearest = sensor.matcher == "nearest"
    if abs(skew_ms) < (_PLAIN_NEAREST_MS if nearest else _PLAIN_SKEW * length_ms):
        return None
    side = "before" if skew_ms < 0 else "after"
    what = "its sample is" if nearest else "the mean of its samples is"
    whence = "the reference time" if nearest else "the window's middle"
    off = number(abs(skew_ms))
    return f"{sensor.name} is skewed by {number(skew_ms)} ms: {what} {off} ms {side} {whence}."
