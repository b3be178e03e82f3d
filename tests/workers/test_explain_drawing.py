"""An explanation as lines of text: readable without colour, within 100 columns."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from schemas.contributions import Contribution, Contributions, TaskContributions
from tests.workers.explained import SIZE_US, START_US, pipeline, published, result, use
from workers.explain.compose import Gathered, compose
from workers.explain.drawing import COLUMNS, draw
from workers.explain.model import Closing, Explanation, SampleMark, SensorFacts, Span
from workers.explain.timeline import LABEL_COLUMNS, Scale, timeline

MS = 1_000
#: 1 s wide, 78 columns over 1.3 s: a column is 16 2/3 ms.
WINDOW = Span(0, 1_000 * MS)
VIEW = Span(-150 * MS, 1_150 * MS)

PICTURE = """\
ms from the start    one column is 16.7 ms
                              0           200         400         600         800         1000
previous window      ────────┤
this window                   ├──────────────────────────────────────────────────────────┤
next window                                                                               ├────────
mic                     ·─────┃███████████┃███████████      ╎     Llllll            X     │
watermark                                                                            1060 ms ▲
                     ┃█ used   ╎░ not used   Ll late   Xx invalid   ·─ other window   │ bounds
"""


def mark(kind: str, start_ms: int, end_ms: int | None = None, sensor: str = "mic") -> SampleMark:
    end_us = (start_ms if end_ms is None else end_ms) * MS
    return SampleMark(sensor, "audio", kind, start_ms * MS, end_us, 0, 0, 10)  # type: ignore[arg-type]


def explanation(*marks: SampleMark, **changes: object) -> Explanation:
    whole = compose(pipeline(), Gathered(0, [published(result())], None, None, [], []))
    plain = msgspec.structs.replace(
        whole,
        window=WINDOW,
        view=VIEW,
        sensors=(SensorFacts("mic", use("audio", [(0, 0)]), "collect"),),
        samples=marks,
        closing=Closing(True, None, ()),
    )
    return msgspec.structs.replace(plain, **changes)


def contributing() -> Explanation:
    """A window with two microphones, whose result says what its answer rests on."""
    sensors = {name: use("audio", [(0, 0)]) for name in ("mic.left", "mic.right")}
    sensors["camera.front"] = use("camera", [(10, 10)])
    found = TaskContributions(
        "calm",
        {"audio": Contribution(0.3, 0.75), "video": Contribution(0.1, 0.25)},
        {
            "mic.left": Contribution(0.3, 0.75),
            "mic.right": Contribution(-0.02, 0.0),
            "camera.front": Contribution(0.1, 0.25),
        },
    )
    told = result(
        sensors=sensors,
        modalities={"audio": 0.4, "video": 0.6},
        contributions=Contributions("leave_one_out", {"mood": found}),
    )
    return compose(pipeline(), Gathered(0, [published(told)], None, None, [], []))


def lines(one: Explanation) -> list[str]:
    return [line.plain.rstrip() for line in timeline(one)]


def lane(one: Explanation, name: str = "mic") -> str:
    """The picture of one sensor, without its label."""
    (found,) = [line for line in lines(one) if line.startswith(name)]
    return found[LABEL_COLUMNS + 1 :]


def test_the_whole_picture_line_by_line() -> None:
    one = explanation(
        mark("other", -100, 0),
        mark("used", 0, 200),
        mark("used", 200, 400),
        mark("unused", 500),
        mark("late", 600, 700),
        mark("invalid", 900),
        previous=Span(-1_000 * MS, 0),
        next=Span(1_000 * MS, 2_000 * MS),
        closing=Closing(True, 1_060 * MS, ()),
    )
    assert lines(one) == PICTURE.splitlines()


def test_every_kind_has_characters_of_its_own() -> None:
    pictures = {
        kind: lane(explanation(mark(kind, 500, 600)))
        for kind in ("used", "unused", "other", "late", "invalid")
    }
    assert len(set(pictures.values())) == 5


def test_an_instant_is_one_column_wide() -> None:
    assert lane(explanation(mark("used", 500))).count("┃") == 1


def test_an_interval_shorter_than_a_column_is_still_seen() -> None:
    assert lane(explanation(mark("used", 500, 501))).count("┃") == 1


def test_a_used_sample_hides_an_unused_one_in_the_same_column() -> None:
    drawn = lane(explanation(mark("used", 500), mark("unused", 501)))
    assert "┃" in drawn
    assert "╎" not in drawn


def test_an_invalid_sample_is_seen_among_used_ones() -> None:
    assert "X" in lane(explanation(mark("used", 400, 600), mark("invalid", 500)))


def test_a_sample_held_from_long_ago_is_an_arrow_at_the_left() -> None:
    assert lane(explanation(mark("used", -60_000))).startswith("◄")


def test_a_watermark_far_ahead_is_an_arrow_at_the_right() -> None:
    one = explanation(closing=Closing(True, 60_000 * MS, ()))
    assert lane(one, "watermark").endswith("60000 ms ►")


def test_a_flush_has_no_watermark_to_point_to() -> None:
    assert not any(line.startswith("watermark") for line in lines(explanation()))


def test_the_reference_is_pointed_to_with_the_sensors_that_look_for_it() -> None:
    nearest = SensorFacts("cam", use("camera", [(0, 0)]), "nearest", reference_us=500 * MS)
    picture = lane(explanation(sensors=(nearest,)), "reference")
    assert picture.index("▲") == Scale(VIEW).column(500 * MS)
    assert "cam" in picture


def test_a_sensor_that_the_result_does_not_know_has_a_line_too() -> None:
    assert "L" in lane(explanation(mark("late", 500, sensor="stranger")), "stranger")


def test_a_long_name_keeps_its_end() -> None:
    name = "building-17.floor-3.camera.front"
    one = explanation(mark("used", 500, sensor=name))
    assert any(line.startswith("…loor-3.camera.front ") for line in lines(one))


def page(one: Explanation) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=COLUMNS, highlight=False).print(draw(one))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def unwrapped(one: Explanation) -> str:
    """The page with every cell's lines joined: left of a wrapped one there is only space."""
    return " ".join(" ".join(page(one)).split())


@pytest.fixture
def whole() -> Explanation:
    early = published(result(final=False, cause="early"), 15)
    final = published(result(revision=1, cause="late"), 17)
    return compose(pipeline(), Gathered(1, [early, final], None, None, [], []))


def test_the_head_says_which_window_and_how_it_closed(whole: Explanation) -> None:
    assert page(whole)[:10] == [
        "pipeline   rig, partition 1",
        "session    s-1",
        "window     2026-03-01T12:00:02.000Z to 12:00:04.000Z (2 s)",
        f"result     {whole.result_id}",
        "answers    mood: calm 84%",
        "shares     audio 100%",
        "model      none 1 (0)",
        "watermark  2026-03-01T12:00:04.120Z, 120 ms past the window's end",
        "idle       mic.right",
        "present    75% of the expected sensors, 184 ms between the widest two; missing: mic.right",
    ]


def test_each_revision_has_a_row(whole: Explanation) -> None:
    rows = [line.split() for line in page(whole)]
    assert ["0", "early", "no", "2026-03-01T12:00:04.640Z", "12.2", "8", "15"] in rows
    assert ["1", "late", "yes", "2026-03-01T12:00:04.640Z", "12.2", "8", "17"] in rows


def test_each_sensor_has_a_row_of_counts(whole: Explanation) -> None:
    rows = [line.split()[:7] for line in page(whole)]
    assert ["mic.left", "5", "5", "0", "0", "50%", "0"] in rows
    assert ["camera.front", "4", "1", "0", "0", "100%", "-34"] in rows


@pytest.mark.parametrize(
    "note",
    [
        "absent: it was never seen before the window ended",
        "sequence: 2 missing, 1 again",
        "clock +40 ms, +30 fixed, drift +12.5 ppm",
        "matched @7; held 1 min 2 s",
        "speech, collect by end",
    ],
)
def test_the_notes_say_what_only_some_sensors_have(note: str, whole: Explanation) -> None:
    assert note in unwrapped(whole)


def test_no_line_is_wider_than_a_hundred_columns(whole: Explanation) -> None:
    wide = msgspec.structs.replace(
        whole,
        session="s" * 120,
        findings=("word " * 60,),
        closing=Closing(True, START_US + SIZE_US, tuple(f"sensor-number-{n}" for n in range(30))),
    )
    assert max(len(line) for line in page(wide)) <= 100


def test_a_result_of_an_older_worker_says_what_is_not_recorded(whole: Explanation) -> None:
    old = msgspec.structs.replace(whole, closing=Closing(False, None, ()))
    assert {"watermark  not recorded", "idle       not recorded"} <= set(page(old))


def test_a_session_of_control_characters_does_not_reach_the_terminal(whole: Explanation) -> None:
    evil = msgspec.structs.replace(whole, session="s\x1b[2J")
    assert "session    s?[2J" in page(evil)


def test_a_row_says_when_samples_came_into_kafka() -> None:
    marks = [
        SampleMark("mic", "audio", "used", at * MS, (at + 200) * MS, 0, at + 200 + late_ms, 6_400)
        for at, late_ms in ((0, 30), (200, 480))
    ]
    assert "12.8 KB; in Kafka at +30 to +480 ms" in unwrapped(explanation(*marks))


def test_timestamps_that_repeat_the_event_time_say_nothing_of_arrival() -> None:
    stamped = SampleMark("mic", "audio", "used", 400 * MS, 600 * MS, 0, 400, 6_400)
    assert not any("in Kafka" in line for line in page(explanation(stamped)))


def test_contributions_are_bars_with_what_is_left_without_each() -> None:
    drawn = [line for line in page(contributing()) if "█" in line and "%" in line]
    assert [line.split() for line in drawn] == [
        ["audio", "█" * 30, "75%", "54.0%", "40%"],
        ["mic.left", "█" * 30, "75%", "54.0%"],
        ["video", "█" * 10, "25%", "74.0%", "60%"],
    ]


def test_what_speaks_against_an_answer_has_no_bar() -> None:
    (drawn,) = [line for line in page(contributing()) if "86.0%" in line]
    assert drawn.split() == ["mic.right", "0%", "86.0%"]


def test_the_only_sensor_of_a_modality_is_not_drawn_twice() -> None:
    assert not [line for line in page(contributing()) if "camera.front" in line and "25%" in line]


def test_shares_of_the_model_are_listed_with_the_largest_first() -> None:
    assert "shares     video 60%, audio 40%" in page(contributing())
