from __future__ import annotations

import pytest

from streams.align.report import coverage, runs, sensor_uses
from streams.align.types import SensorTally, Window, WindowSample
from tests.align.worlds import rule, spec_of

SPEC = spec_of(
    rule("audio", modality="audio", sensors=("mic",)),
    rule("lidar", matcher="nearest", reference_us=0, tolerance_us=5_000),
    rule("notes", expected=False),
    size_us=100_000,
)


def _sample(
    start_us: int, end_us: int, *, sensor: str = "mic", input: str = "audio"
) -> WindowSample:
    return WindowSample(sensor, input, 0, start_us, end_us, b"")


def _window(*samples: WindowSample, **tallies: SensorTally) -> Window:
    return Window(0, "a", 200_000, 300_000, samples, tallies, 0)


def test_coverage_counts_overlapping_chunks_once() -> None:
    assert coverage([0, 20], [40, 60], 0, 100) == 0.6


def test_coverage_leaves_out_what_reaches_past_the_window() -> None:
    assert coverage([-50, 90], [10, 150], 0, 100) == 0.2


def test_coverage_of_instants_is_whole_as_their_spacing_is_unknown() -> None:
    assert coverage([7], [7], 0, 100) == 1.0


def test_coverage_of_nothing_is_nothing() -> None:
    assert coverage([], [], 0, 100) == 0.0


def test_consecutive_offsets_become_runs() -> None:
    assert runs([1, 2, 5, 6, 7, 9]) == [(1, 2), (5, 7), (9, 9)]


def test_skew_of_collected_samples_is_against_the_windows_middle() -> None:
    window = _window(
        _sample(210_000, 220_000), _sample(240_002, 250_000), mic=SensorTally("audio", samples=2)
    )
    uses, _ = sensor_uses(window, SPEC)
    assert uses["mic"].skew_ms == -24.999


def test_skew_of_the_nearest_sample_is_against_its_own_reference() -> None:
    window = _window(
        _sample(198_500, 198_500, sensor="top", input="lidar"), top=SensorTally("lidar")
    )
    uses, _ = sensor_uses(window, SPEC)
    assert (uses["top"].used, uses["top"].samples, uses["top"].skew_ms) == (1, 0, -1.5)


@pytest.mark.parametrize(
    ("tally", "reason"),
    [
        (SensorTally("audio", invalid=1, dropped=1, seen=True), "invalid"),
        (SensorTally("audio", dropped=1, seen=True), "dropped"),
        (SensorTally("audio", seen=True), "idle"),
        (SensorTally("audio"), "never_seen"),
    ],
)
def test_an_absent_sensor_has_a_reason(tally: SensorTally, reason: str) -> None:
    uses, _ = sensor_uses(_window(mic=tally), SPEC)
    assert uses["mic"].absent == reason


def test_a_sensor_that_was_used_is_not_absent() -> None:
    window = _window(_sample(210_000, 220_000), mic=SensorTally("audio", samples=1, invalid=3))
    assert sensor_uses(window, SPEC)[0]["mic"].absent is None


def test_completeness_looks_at_expected_inputs_only() -> None:
    window = _window(
        _sample(210_000, 220_000),
        mic=SensorTally("audio", samples=1),
        top=SensorTally("lidar"),
        note=SensorTally("notes"),
    )
    quality = sensor_uses(window, SPEC)[1]
    assert (quality.completeness, quality.missing) == (0.5, ["note", "top"])


def test_the_windows_skew_is_the_widest_between_two_sensors() -> None:
    window = _window(
        _sample(260_000, 260_000),
        _sample(198_000, 198_000, sensor="top", input="lidar"),
        mic=SensorTally("audio", samples=1),
        top=SensorTally("lidar"),
    )
    assert sensor_uses(window, SPEC)[1].skew_ms == 12.0


def test_modality_and_counts_are_passed_on() -> None:
    tally = SensorTally("audio", samples=2, invalid=1, dropped=3, offsets=(4, 5))
    use = sensor_uses(_window(mic=tally), SPEC)[0]["mic"]
    assert (use.modality, use.samples, use.invalid, use.dropped, use.offsets) == (
        "audio",
        2,
        1,
        3,
        [(4, 5)],
    )
