import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pipeline import Pipeline
from streams.align import rules
from streams.align.rules import FOREVER, NEVER, Sensor
from streams.align.spec import from_pipeline
from tests.align.worlds import rule, spec_of

NEAREST = rule("lidar", matcher="nearest", reference_us=50, tolerance_us=70)


def test_a_tile_before_the_epoch_is_found_by_floor_division() -> None:
    assert rules.tile_of(spec_of(rule("a")), -1) == -1


def test_a_tumbling_window_is_its_records_only_own_one() -> None:
    spec = spec_of(rule("a"))
    assert [rules.first_own_us(spec, at) for at in (0, 99, 100)] == [0, 0, 100]


@given(st.integers(-500, 500))
def test_the_first_own_window_is_the_earliest_on_the_grid_that_holds_the_time(at_us: int) -> None:
    spec = spec_of(rule("a"), every_us=25)
    assert rules.first_own_us(spec, at_us) == min(
        k for k in range(-1000, 1000, 25) if k <= at_us < k + 100
    )


@given(st.integers(-300, 300), st.integers(0, 100), st.integers(0, 300))
def test_nearest_may_use_a_sample_up_to_the_last_window_that_it_is_within_tolerance_of(
    start_us: int, reference_us: int, tolerance_us: int
) -> None:
    lidar = rule("l", matcher="nearest", reference_us=reference_us, tolerance_us=tolerance_us)
    near = [k for k in range(-9, 9) if abs(start_us - (k * 100 + reference_us)) <= tolerance_us]
    last = max([*near, start_us // 100])
    assert rules.last_window_us(spec_of(lidar), lidar, start_us) == last * 100


def test_windows_close_later_by_what_nearest_looks_past_their_end() -> None:
    assert rules.closing_bound_us(spec_of(rule("a"), NEAREST), 0) == 121


def test_windows_close_later_by_the_lateness_that_is_allowed() -> None:
    assert rules.closing_bound_us(spec_of(rule("a"), allowed_lateness_us=30), 0) == 130


def test_without_nearest_windows_close_at_their_end() -> None:
    assert rules.closing_bound_us(spec_of(rule("a")), 0) == 100


def test_the_session_watermark_is_the_minimum_less_each_lateness() -> None:
    spec = spec_of(rule("a", lateness_us=10), rule("b", lateness_us=300))
    assert rules.awake_watermark_us(spec, [_seen(0, 500), _seen(1, 700)]) == 400


def test_an_idle_sensor_does_not_hold_the_watermark() -> None:
    spec = spec_of(rule("a"))
    assert rules.awake_watermark_us(spec, [_seen(0, 500), _seen(0, 100, idle=True)]) == 480


def test_the_inputs_of_idle_sensors_say_from_when_on_the_watermark_counts() -> None:
    sensors = [_seen(0, 500), _seen(1, 100, idle=True), _seen(2, 100, idle=True)]
    assert rules.idle_read_through_ms(sensors, {0: 3, 1: 7, 2: 9}) == 7


def test_a_declared_sensor_that_was_never_seen_holds_the_watermark_back() -> None:
    spec = spec_of(rule("a"))
    assert rules.awake_watermark_us(spec, [_seen(0, 500), _seen(0, NEVER)]) <= NEVER


def test_a_seen_sensor_of_an_unexpected_input_holds_the_watermark_like_any_other() -> None:
    spec = spec_of(rule("a"), rule("b", expected=False))
    assert rules.awake_watermark_us(spec, [_seen(0, 500), _seen(1, 100)]) == 80


def test_only_an_unseen_sensor_of_an_unexpected_input_is_given_no_patience() -> None:
    spec = spec_of(rule("a", idle_after_ms=9), rule("b", expected=False, idle_after_ms=9))
    sensors = [_seen(0, NEVER), _seen(1, NEVER), _seen(1, 100)]
    assert [rules.patience_ms(spec, sensor) for sensor in sensors] == [9, 0, 9]


def test_a_session_whose_sensors_are_all_idle_is_flushed() -> None:
    spec = spec_of(rule("a"), rule("b", expected=False))
    sensors = [_seen(0, 500, idle=True), _seen(1, 900, idle=True)]
    assert rules.awake_watermark_us(spec, sensors) == FOREVER


def test_a_sensor_is_not_idle_before_its_input_is_read_through_its_silence() -> None:
    spec = spec_of(rule("a", idle_after_ms=100))
    assert not rules.falls_idle(spec, _seen(0, 500), 99, 10_000, NEVER)


def test_a_sensor_is_idle_once_silent_and_read_through_that_silence() -> None:
    spec = spec_of(rule("a", idle_after_ms=100))
    silent = _seen(0, 500)
    found = [rules.falls_idle(spec, silent, at, at, NEVER) for at in (99, 100)]
    assert found == [False, True]


def test_a_sensor_of_a_session_that_is_over_is_idle_once_its_input_is_read_through_that() -> None:
    spec = spec_of(rule("a", idle_after_ms=100_000))
    assert [rules.falls_idle(spec, _seen(0, 500), at, 60, 50) for at in (49, 50)] == [False, True]


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
    assert spec.overhang_us == 40_001
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


def _seen(input: int, newest_us: int, *, idle: bool = False) -> Sensor:
    return Sensor(input, f"s{input}", newest_us=newest_us, wall_ms=0, idle=idle)
