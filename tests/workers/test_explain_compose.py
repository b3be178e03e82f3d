"""Which sample was used, unused, another window's, late or invalid."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from schemas.pipeline import Pipeline
from schemas.result import Correction, Result
from tests.workers.explained import SIZE_US, START_US, pipeline, published, result, use
from workers.explain.compose import Gathered, compose
from workers.explain.model import Explanation, Span
from workers.explain.published import Sighting, read_published
from workers.explain.records import Diverted, Placed
from workers.explain.selector import ById, ByStart, Newest, parse_selector


def placed(
    input_name: str, sensor: str, offset: int, start_ms: float, end_ms: float | None = None
) -> Placed:
    start_us = START_US + round(start_ms * 1_000)
    end_us = start_us if end_ms is None else START_US + round(end_ms * 1_000)
    return Placed(input_name, sensor, offset, start_us, end_us, start_us // 1_000 + 30, 100)


def composed(
    samples: Sequence[Placed],
    diverted: Sequence[Diverted] = (),
    one: Result | None = None,
    spec: Pipeline | None = None,
) -> Explanation:
    gathered = Gathered(0, [published(one or result())], None, None, samples, diverted)
    return compose(spec or pipeline(), gathered)


def kinds(explanation: Explanation) -> dict[int, str]:
    return {mark.offset: mark.kind for mark in explanation.samples}


def test_what_the_result_names_is_used_and_a_neighbours_is_not() -> None:
    found = composed(
        [placed("audio", "mic.left", 0, 0, 200), placed("audio", "mic.left", 9, -200, 0)]
    )
    assert kinds(found) == {0: "used", 9: "other"}  # fmt: skip


def test_of_the_nearest_input_only_the_matched_sample_is_used() -> None:
    found = composed([placed("camera", "camera.front", n, n * 100 - 500) for n in (10, 11, 12)])
    assert kinds(found) == {10: "unused", 11: "used", 12: "unused"}


def test_an_older_result_tells_the_chosen_sample_by_its_skew() -> None:
    sensors = {"camera.front": use("camera", [(10, 12)], used=1, skew_ms=-34.0)}
    samples = [
        placed("camera", "camera.front", n, at) for n, at in ((10, 900), (11, 966), (12, 1040))
    ]
    found = composed(samples, one=result(sensors=sensors))
    assert kinds(found) == {10: "unused", 11: "used", 12: "unused"}  # fmt: skip


def test_without_the_chosen_sample_none_is_taken_for_it() -> None:
    sensors = {"camera.front": use("camera", [(10, 12)], used=1, skew_ms=-34.0)}
    found = composed([placed("camera", "camera.front", 12, 1040)], one=result(sensors=sensors))
    assert kinds(found) == {12: "unused"}


def test_a_held_sample_is_kept_though_it_lies_far_outside_the_view() -> None:
    assert kinds(composed([placed("notes", "pen", 7, -60_000)])) == {7: "used"}


def test_a_neighbours_sample_outside_the_view_is_left_out() -> None:
    assert composed([placed("audio", "mic.left", 9, -1_500, -1_300)]).samples == ()


def test_of_an_overlap_input_what_reaches_into_the_window_is_used() -> None:
    spec = pipeline()
    audio = spec.inputs["audio"].model_validate(
        {"modality": "audio", "matcher": {"kind": "overlap"}}
    )
    overlap = spec.model_copy(update={"inputs": {**spec.inputs, "audio": audio}})
    found = composed(
        [placed("audio", "mic.left", 98, -100, 100), placed("audio", "mic.left", 97, -300, -100)],
        spec=overlap,
    )
    assert kinds(found) == {97: "other", 98: "used"}


def test_event_times_are_shown_as_the_clock_was_put_right() -> None:
    found = composed([placed("camera", "camera.front", 11, 926)])
    assert found.samples[0].start_us == START_US + 966_000


def test_a_late_sample_keeps_its_reason_and_by_how_much() -> None:
    (mark,) = composed(
        [], [Diverted(placed("audio", "mic.left", 5, 100, 300), "late", "window_closed", 480.0)]
    ).samples
    assert (mark.kind, mark.reason, mark.late_by_ms) == ("late", "window_closed", 480.0)


def test_a_late_sample_of_an_unknown_sensor_moves_by_the_pipelines_fixed_offset() -> None:
    spec = pipeline()
    audio = spec.inputs["audio"].model_validate(
        {"modality": "audio", "clock": {"offset": "-300ms"}}
    )
    moved = spec.model_copy(update={"inputs": {**spec.inputs, "audio": audio}})
    (mark,) = composed(
        [], [Diverted(placed("audio", "mic.new", 5, 500), "late", "r", 1.0)], spec=moved
    ).samples
    assert mark.start_us == START_US + 200_000


def test_a_diverted_sample_of_another_time_is_left_out() -> None:
    assert (
        composed([], [Diverted(placed("audio", "mic.left", 5, 9_000), "late", "r")]).samples == ()
    )


def test_samples_that_could_not_be_read_are_counted() -> None:
    found = composed([placed("audio", "mic.left", n, n * 200, n * 200 + 200) for n in (0, 1)])
    assert {one.name: one.unread for one in found.sensors}["mic.left"] == 3


def test_a_label_with_its_input_finds_its_sensor() -> None:
    sensors = {"pen": use("notes", []), "speech/pen": use("speech", [(3, 3)])}
    found = composed([placed("speech", "pen", 3, 500)], one=result(sensors=sensors))
    assert [(mark.sensor, mark.kind) for mark in found.samples] == [("speech/pen", "used")]


def test_the_view_reaches_as_far_as_nearest_looks() -> None:
    spec = pipeline()
    camera = spec.inputs["camera"].model_validate(
        {
            "modality": "video",
            "matcher": {"kind": "nearest", "tolerance": "1s", "reference": "end"},
        }
    )
    wide = spec.model_copy(update={"inputs": {**spec.inputs, "camera": camera}})
    assert composed([], spec=wide).view.end_us == START_US + SIZE_US + 1_000_000


def test_a_correction_of_nothing_moves_nothing() -> None:
    sensors = {"mic.left": use("audio", [(0, 0)], clock=Correction(0.0))}
    found = composed([placed("audio", "mic.left", 0, 100, 300)], one=result(sensors=sensors))
    assert found.samples[0].start_us == START_US + 100_000


def test_a_missing_watermark_is_told_from_a_flush() -> None:
    timings = result().timings
    older = msgspec.structs.replace(timings, watermark=None, idle=[])
    flushed = msgspec.structs.replace(timings, watermark=None, idle=["mic.left", "mic.right"])
    assert not published(result(timings=older)).closing.recorded
    assert published(result(timings=flushed)).closing.recorded


@pytest.mark.parametrize("body", [b"", b"{}", b"not json"])
def test_a_body_that_is_no_result_is_passed_over(body: bytes) -> None:
    assert read_published(0, body) is None


def sighted(*results: Result) -> Sighting:
    sighting = Sighting(START_US)
    for offset, one in enumerate(results):
        sighting.add(published(one, offset))
    return sighting


def test_a_result_that_was_published_twice_is_one_revision() -> None:
    sighting = sighted(result(), result())
    assert [one.offset for one in sighting.revisions()] == [0]


def test_reading_ends_after_the_final_result_and_the_next_windows() -> None:
    early_next = result(start_us=START_US + SIZE_US, final=False)
    assert not sighted(early_next, result()).complete(1)
    assert sighted(result(), early_next).complete(1)
    assert not sighted(result(final=False), early_next).complete(1)


def test_the_closest_windows_are_the_neighbours() -> None:
    steps = (-2, -1, 1, 2)
    sighting = sighted(*(result(start_us=START_US + step * SIZE_US) for step in steps))
    assert sighting.previous is not None
    assert sighting.next is not None
    assert sighting.previous.span == Span(START_US - SIZE_US, START_US)
    assert sighting.next.span == Span(START_US + SIZE_US, START_US + 2 * SIZE_US)


def test_of_very_many_windows_the_closest_are_remembered() -> None:
    starts = [START_US + step * SIZE_US for step in range(-600, 600) if step]
    nearby = sighted(*(result(start_us=start) for start in starts)).nearby()
    assert [(span.start_us - START_US) // SIZE_US for span in nearby] == [-2, -1, 1, 2]


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("2026-03-01T12:00:02Z", ByStart(START_US)),
        ("2026-03-01T13:00:02.000+01:00", ByStart(START_US)),
        ("1772366402000", ByStart(START_US)),
        ("1772366402000000", ByStart(START_US)),
        ("6f0c1c2e-6a0b-5d0c-9d55-3f2a8b7f5e11", ById("6f0c1c2e-6a0b-5d0c-9d55-3f2a8b7f5e11")),
        ("last", Newest()),
    ],
)
def test_a_window_is_named_in_several_ways(text: str, selector: object) -> None:
    assert parse_selector(text) == selector


@pytest.mark.parametrize("text", ["", "soon", "2026-03-01T12:00:02", "9" * 30, "-5"])
def test_what_names_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected 'last', a result's id, or"):
        parse_selector(text)
