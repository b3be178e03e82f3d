"""An explanation as a terminal shows it, at most 100 columns wide. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from schemas.units import US_PER_MS, us_to_iso
from workers.explain.bars import bars
from workers.explain.findings import ABSENT_IN_WORDS
from workers.explain.model import Explanation, SampleMark, SensorFacts
from workers.explain.timeline import timeline
from workers.explain.words import lasting, number, plain, signed, span_text

#: Everything is laid out for this many columns.
COLUMNS = 100


def draw(explanation: Explanation) -> RenderableType:
    """The whole page."""
    return Group(
        _head(explanation),
        Text(),
        _revisions(explanation),
        _sensors(explanation),
        *_contributions(explanation),
        *timeline(explanation),
        Text(),
        _findings(explanation),
    )


def _head(explanation: Explanation) -> Table:
    quality, window = explanation.quality, explanation.window
    missing = f"; missing: {', '.join(quality.missing)}" if quality.missing else ""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, said in (
        ("pipeline", f"{explanation.pipeline}, partition {explanation.partition}"),
        ("session", plain(explanation.session)),
        ("window", span_text(window.start_us, window.end_us)),
        ("result", explanation.result_id),
        ("answers", _answers(explanation)),
        ("shares", _shares(explanation)),
        ("model", _model(explanation)),
        ("watermark", _watermark(explanation)),
        ("idle", _idle(explanation)),
        (
            "present",
            f"{quality.completeness:.0%} of the expected sensors, "
            f"{number(quality.skew_ms)} ms between the widest two{missing}",
        ),
    ):
        grid.add_row(name, Text(said))
    return grid


def _answers(explanation: Explanation) -> str:
    return ", ".join(
        f"{task}: {answer.label} {answer.probabilities.get(answer.label, 0.0):.0%}"
        for task, answer in explanation.answers.items()
    )


def _model(explanation: Explanation) -> str:
    model = explanation.model
    return f"{plain(model.name)} {plain(model.version)} ({model.digest[:12]})"


def _shares(explanation: Explanation) -> str:
    """The model's own, the largest first."""
    falling = sorted(explanation.shares.items(), key=lambda one: -one[1])
    return ", ".join(f"{modality} {share:.0%}" for modality, share in falling) or "none"


def _contributions(explanation: Explanation) -> Iterator[RenderableType]:
    if explanation.contributions is not None:
        modality_of = {sensor.name: sensor.use.modality for sensor in explanation.sensors}
        for task, found in explanation.contributions.tasks.items():
            probability = explanation.answers[task].probabilities[found.label]
            yield bars(task, found, probability, explanation.shares, modality_of)


def _watermark(explanation: Explanation) -> str:
    closing = explanation.closing
    if not closing.recorded:
        return "not recorded"
    if closing.watermark_us is None:
        return "none: flushed, as every sensor was idle or ended"
    past_ms = (closing.watermark_us - explanation.window.end_us) / US_PER_MS
    side = "past" if past_ms >= 0 else "before"
    end = f"{lasting(abs(past_ms))} {side} the window's end"
    return f"{us_to_iso(closing.watermark_us)}, {end}"


def _idle(explanation: Explanation) -> str:
    if not explanation.closing.recorded:
        return "not recorded"
    return ", ".join(explanation.closing.idle) or "none"


def _revisions(explanation: Explanation) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("revision", "cause", "final", "completed", "waited ms", "fused ms", "offset"):
        number_like = column in ("revision", "waited ms", "fused ms", "offset")
        table.add_column(column, justify="right" if number_like else "left", no_wrap=True)
    for one in explanation.revisions:
        table.add_row(
            str(one.revision),
            one.cause,
            "yes" if one.final else "no",
            us_to_iso(one.completed_at_ms * US_PER_MS),
            number(one.wait_ms),
            number(one.fuse_ms),
            str(one.offset),
        )
    return table


def _sensors(explanation: Explanation) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), width=COLUMNS)
    table.add_column("sensor", no_wrap=True, max_width=20, overflow="ellipsis")
    for column in ("samples", "used", "invalid", "dropped", "covers", "skew ms"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("notes", ratio=1, overflow="fold")
    for sensor in explanation.sensors:
        use = sensor.use
        counts = (use.samples, use.used, use.invalid, use.dropped)
        table.add_row(
            Text(sensor.name, style="red" if use.absent else ""),
            *(str(count) for count in counts),
            f"{use.coverage:.0%}",
            "" if use.skew_ms is None else number(use.skew_ms),
            Text("; ".join(_notes(sensor, explanation))),
        )
    return table


def _notes(sensor: SensorFacts, explanation: Explanation) -> list[str]:
    use = sensor.use
    notes = [f"{use.input}, {sensor.matcher}" + (" by end" if sensor.timed_at_end else "")]
    if use.absent is not None:
        notes.append(f"absent: {ABSENT_IN_WORDS[use.absent]}")
    if use.matched is not None:
        notes.append(f"matched @{use.matched}")
    if use.age_ms is not None:
        notes.append(f"held {lasting(use.age_ms)}")
    if use.clock is not None:
        parts = [f"clock {signed(use.clock.offset_ms)} ms"]
        if use.clock.fixed_ms and use.clock.fixed_ms != use.clock.offset_ms:
            parts.append(f"{signed(use.clock.fixed_ms)} fixed")
        if use.clock.drift_ppm:
            parts.append(f"drift {signed(use.clock.drift_ppm)} ppm")
        notes.append(", ".join(parts))
    if use.gaps or use.repeats:
        notes.append(f"sequence: {use.gaps} missing, {use.repeats} again")
    own = [mark for mark in explanation.samples if _is_own(mark, sensor)]
    if own:
        notes.append(_size(sum(mark.value_bytes for mark in own)))
        if any(_arrival_told(mark) for mark in own):
            delays_ms = [mark.stamped_ms - mark.end_us / US_PER_MS for mark in own]
            notes.append(f"in Kafka at {_spread(delays_ms)}")
    return notes


def _is_own(mark: SampleMark, sensor: SensorFacts) -> bool:
    return mark.sensor == sensor.name and mark.kind in ("used", "unused")


def _arrival_told(mark: SampleMark) -> bool:
    """Whether the Kafka timestamp is more than the event time again, as recordings are stamped."""
    return mark.stamped_ms >= 0 and abs(mark.stamped_ms - mark.start_us / US_PER_MS) >= 1.0


def _spread(delays_ms: list[float]) -> str:
    """Kafka timestamps against the ends of the samples."""
    least, most = signed(min(delays_ms)), signed(max(delays_ms))
    return f"{least} ms" if least == most else f"{least} to {most} ms"


def _size(value_bytes: int) -> str:
    """Bytes in the unit that suits them."""
    if value_bytes < 1_000:
        return f"{value_bytes} B"
    if value_bytes < 1_000_000:
        return f"{number(value_bytes / 1_000)} KB"
    return f"{number(value_bytes / 1_000_000)} MB"


def _findings(explanation: Explanation) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for sentence in explanation.findings:
        grid.add_row("-", Text(plain(sentence)))
    return grid
