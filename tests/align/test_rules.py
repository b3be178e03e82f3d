import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pipeline import Pipeline
from streams.align import rules
from streams.align.assemble import Stored, nearest
from streams.align.rules import FOREVER, NEVER, Sensor
from streams.align.spec import from_pipeline
from tests.align.worlds import rule, spec_of

NEAREST = rule("lidar", matcher="nearest", reference_us=50, tolerance_us=70)


def test_a_window_before_the_epoch_is_found_by_floor_division() -> None:
    assert rules.own_window(spec_of(rule("a")), -1) == -1


def test_the_end_of_a_window_belongs_to_the_next() -> None:
    assert rules.own_window(spec_of(rule("a")), 100) == 1


def test_collect_gives_a_sample_to_its_own_window_alone() -> None:
    assert list(rules.candidate_windows(spec_of(rule("a")), rule("a"), 199)) == [1]


@given(st.integers(-300, 300), st.integers(0, 100), st.integers(0, 300))
def test_nearest_gives_a_sample_to_every_window_whose_reference_is_within_tolerance(
    start_us: int, reference_us: int, tolerance_us: int
) -> None:
    lidar = rule("l", matcher="nearest", reference_us=reference_us, tolerance_us=tolerance_us)
    wanted = [k for k in range(-9, 9) if abs(start_us - (k * 100 + reference_us)) <= tolerance_us]
    assert list(rules.candidate_windows(spec_of(lidar), lidar, start_us)) == wanted


def test_windows_close_later_by_what_nearest_looks_past_their_end() -> None:
    assert rules.closing_bound_us(spec_of(rule("a"), NEAREST), 0) == 120


def test_without_nearest_windows_close_at_their_end() -> None:
    assert rules.closing_bound_us(spec_of(rule("a")), 0) == 100


def test_the_closest_candidate_is_chosen() -> None:
    assert nearest(50, [_stored(0, 10), _stored(1, 55), _stored(2, 90)])[0].offset == 1


def test_of_two_equally_close_candidates_the_earlier_is_chosen() -> None:
    assert nearest(50, [_stored(0, 60), _stored(1, 40)])[0].offset == 1


def test_of_two_candidates_at_one_time_the_lower_offset_is_chosen() -> None:
    assert nearest(50, [_stored(7, 40), _stored(3, 40)])[0].offset == 3


def test_the_session_watermark_is_the_minimum_less_each_lateness() -> None:
    spec = spec_of(rule("a", lateness_us=10), rule("b", lateness_us=300))
    assert rules.session_watermark_us(spec, [_seen(0, 500), _seen(1, 700)]) == 400


def test_an_idle_sensor_does_not_hold_the_watermark() -> None:
    spec = spec_of(rule("a"))
    assert rules.session_watermark_us(spec, [_seen(0, 500), _seen(0, 100, idle=True)]) == 480


def test_a_declared_sensor_that_was_never_seen_holds_the_watermark_back() -> None:
    spec = spec_of(rule("a"))
    assert rules.session_watermark_us(spec, [_seen(0, 500), _seen(0, NEVER)]) <= NEVER


def test_a_seen_sensor_of_an_unexpected_input_holds_the_watermark_like_any_other() -> None:
    spec = spec_of(rule("a"), rule("b", expected=False))
    assert rules.session_watermark_us(spec, [_seen(0, 500), _seen(1, 100)]) == 80


def test_only_an_unseen_sensor_of_an_unexpected_input_is_given_no_patience() -> None:
    spec = spec_of(rule("a", idle_after_ms=9), rule("b", expected=False, idle_after_ms=9))
    sensors = [_seen(0, NEVER), _seen(1, NEVER), _seen(1, 100)]
    assert [rules.patience_ms(spec, sensor) for sensor in sensors] == [9, 0, 9]


def test_a_session_whose_sensors_are_all_idle_is_flushed() -> None:
    spec = spec_of(rule("a"), rule("b", expected=False))
    sensors = [_seen(0, 500, idle=True), _seen(1, 900, idle=True)]
    assert rules.session_watermark_us(spec, sensors) == FOREVER


def test_a_sensor_is_not_idle_before_its_input_is_caught_up() -> None:
    spec = spec_of(rule("a", idle_after_ms=100))
    assert not rules.falls_idle(spec, _seen(0, 500), frozenset(), 10_000)


def test_a_sensor_is_idle_once_silent_and_caught_up() -> None:
    spec = spec_of(rule("a", idle_after_ms=100))
    silent = _seen(0, 500)
    assert [rules.falls_idle(spec, silent, frozenset({0}), at) for at in (99, 100)] == [
        False,
        True,
    ]


def test_windows_with_features_of_another_encoder_are_another_state() -> None:
    assert spec_of(rule("a"), encoder="old").digest != spec_of(rule("a"), encoder="new").digest


def test_an_event_time_that_redis_cannot_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="dead-lettered"):
        rules.check_event_time(2**53)


def test_the_spec_has_the_pipeline_files_numbers_in_whole_units() -> None:
    pipeline = Pipeline.model_validate(
        {
            "pipeline": "p",
            "inputs": {
                "lidar": {
                    "modality": "points",
                    "sensors": ["top"],
                    "matcher": {"kind": "nearest", "tolerance": "40ms", "reference": "end"},
                    "lateness": "300ms",
                    "idle_after": "3s",
                }
            },
            "window": {"size": "500ms"},
            "model": {"name": "m"},
            "limits": {"session_timeout": "1m", "max_open_windows": 7},
        }
    )
    spec = from_pipeline(pipeline)
    assert (spec.size_us, spec.session_timeout_ms, spec.max_open_windows) == (500_000, 60_000, 7)
    assert spec.overhang_us == 40_000
    assert spec.inputs[0] == rule(
        "lidar",
        modality="points",
        matcher="nearest",
        sensors=("top",),
        reference_us=500_000,
        tolerance_us=40_000,
        lateness_us=300_000,
        idle_after_ms=3_000,
    )


def _stored(offset: int, start_us: int) -> Stored:
    return Stored(0, offset, start_us, start_us, b"")


def _seen(input: int, newest_us: int, *, idle: bool = False) -> Sensor:
    return Sensor(input, f"s{input}", newest_us=newest_us, wall_ms=0, idle=idle)
