"""The demo's verdict: what is missing, what came twice, what is right, how late."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import msgspec
import pytest

from schemas.event import Event
from schemas.result import ModelRef, Quality, Result, TaskResult, Timings, WindowSpan, result_id
from schemas.units import us_to_iso
from workers.demo.screen import PlainView, said_and_true, summary_row
from workers.demo.tally import Summary, Tally

SIZE_US = 2_000_000
START_US = 1_700_000_000_000_000


def result(
    index: int, label: str = "calm", *, session: str = "s", final: bool = True, revision: int = 0
) -> Result:
    start_us = START_US + index * SIZE_US
    return Result(
        id=result_id("call", session, start_us, revision),
        pipeline="call",
        session=session,
        window=WindowSpan(us_to_iso(start_us), us_to_iso(start_us + SIZE_US)),
        revision=revision,
        final=final,
        tasks={"mood": TaskResult(label, {label: 0.9})},
        modalities={"audio": 1.0},
        sensors={},
        quality=Quality(1.0, 0.0, []),
        model=ModelRef("m", "1", "d"),
        timings=Timings(0, 0.0, 0.0),
    )


@dataclass
class Run:
    """Three windows of one session, of which the third has no single truth."""

    tally: Tally = field(
        default_factory=lambda: Tally(
            "call",
            truth={
                ("s", START_US): {"mood": "calm"},
                ("s", START_US + SIZE_US): {"mood": "angry"},
                ("s", START_US + 2 * SIZE_US): {},
            },
            size_us=SIZE_US,
            speed=2.0,
            first_due_us=START_US + 500_000,
            samples_expected=30,
        )
    )

    def summary(self) -> Summary:
        return self.tally.summary(seconds=1.0)


@pytest.fixture
def run() -> Run:
    return Run()


def test_all_windows_once_and_right_passes(run: Run) -> None:
    for index, label in enumerate(["calm", "angry", "whatever"]):
        run.tally.add_result(result(index, label), now_s=0.0)
    assert run.summary().passed
    assert run.tally.complete


def test_a_window_without_its_result_is_missing_and_wrong(run: Run) -> None:
    run.tally.add_result(result(0), now_s=0.0)
    summary = run.summary()
    assert (summary.results_missing, summary.accuracy, summary.passed) == (2, 0.5, False)


def test_an_early_result_is_not_the_final_one(run: Run) -> None:
    run.tally.add_result(result(0, final=False), now_s=0.0)
    assert (run.summary().results_final, run.tally.complete) == (0, False)


def test_the_same_id_again_is_a_duplicate(run: Run) -> None:
    for _ in range(3):
        run.tally.add_result(result(0), now_s=0.0)
    assert (run.summary().results_final, run.summary().results_duplicated) == (1, 2)


def test_a_second_final_revision_is_a_duplicate(run: Run) -> None:
    run.tally.add_result(result(0, revision=0), now_s=0.0)
    run.tally.add_result(result(0, revision=1), now_s=0.0)
    assert run.summary().results_duplicated == 1


def test_a_window_that_nobody_fed_fails(run: Run) -> None:
    for index, label in enumerate(["calm", "angry", "calm", "calm"]):
        run.tally.add_result(result(index, label), now_s=0.0)
    assert (run.summary().results_missing, run.summary().passed) == (0, False)


def test_too_many_wrong_labels_fail(run: Run) -> None:
    for index in range(3):
        run.tally.add_result(result(index, "calm"), now_s=0.0)
    assert (run.summary().accuracy, run.summary().passed) == (0.5, False)


def test_a_window_without_a_label_is_neither_right_nor_wrong(run: Run) -> None:
    assert run.tally.is_right(result(2)) is None
    assert run.summary().windows_labelled == 2


def test_latency_counts_from_the_end_of_the_window_as_played(run: Run) -> None:
    # The first sample was played at 100 s; at double speed 1.5 s of event time take 0.75 s.
    run.tally.fed(samples=4, seconds=0.2, now_s=100.2)
    run.tally.fed(samples=9, seconds=0.9, now_s=300.0)
    run.tally.add_result(result(0), now_s=101.0)
    assert run.summary().latency_ms.p50 == pytest.approx(250.0, abs=0.1)


def test_nothing_fed_has_no_latency(run: Run) -> None:
    assert run.summary().latency_ms.p50 is None


def test_changes_of_events_are_counted_by_action(run: Run) -> None:
    for action in ("opened", "updated", "closed"):
        run.tally.add_event(
            Event(
                id=action,
                event_id="e",
                action=action,
                pipeline="call",
                session="s",
                name="escalation",
                task="mood",
                label="angry",
                probability=0.9,
                peak_probability=0.9,
                since=us_to_iso(START_US),
                until=us_to_iso(START_US + SIZE_US),
                windows=1,
                result_id="r",
            )
        )
    assert (run.tally.opened, run.tally.closed) == (1, 1)


def test_the_summary_has_the_promised_keys(run: Run) -> None:
    assert set(msgspec.to_builtins(run.summary())) == {
        "pipeline", "samples_fed", "windows_expected", "windows_labelled", "results_final",
        "results_missing", "results_duplicated", "accuracy", "latency_ms", "dead_letters",
        "seconds",
    }  # fmt: skip


def test_the_newest_labels_stand_beside_the_truth(run: Run) -> None:
    assert said_and_true(run.tally, result(1, "calm")) == "mood: calm 90% (true: angry)"
    assert said_and_true(run.tally, result(2, "calm")) == "mood: calm 90%"


def test_plain_lines_say_nothing_twice(run: Run) -> None:
    stream = io.StringIO()
    now_s = 0.0
    with PlainView(stream, now=lambda: now_s) as view:
        run.tally.fed(samples=4, seconds=0.2, now_s=100.2)
        for now_s in (10.0, 20.0, 30.0):  # noqa: B007
            view.update([run.tally])
    assert stream.getvalue().count("4/30 samples fed") == 1


def test_a_summary_without_labels_says_so() -> None:
    tally = Tally("call", truth={}, size_us=SIZE_US, speed=1.0, first_due_us=0, samples_expected=0)
    assert "no labels of 0" in summary_row(tally.summary(seconds=1.0))
