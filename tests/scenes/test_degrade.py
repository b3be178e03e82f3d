"""Degradations do what they say, to the sensors they name, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.scenes import degrade as degrade_module
from streams.scenes.catalog import make_scene
from streams.scenes.degrade import FAULT_NAMES, Degradation, Fault, degrade

START_US = 1_780_000_000_000_000
PERIOD_US = 100_000


def ticks(count: int, *sensors: str) -> Iterator[FeedItem]:
    for sequence in range(count):
        start_us = START_US + sequence * PERIOD_US
        for sensor in sensors:
            yield FeedItem(
                session="s-1",
                input="i",
                sensor=sensor,
                start_us=start_us,
                end_us=start_us + PERIOD_US,
                content_type="text/plain",
                payload=b"x",
                sequence=sequence,
                due_us=start_us + PERIOD_US,
            )


def run(specs: list[str], count: int = 2_000, sensors: tuple[str, ...] = ("a",)) -> list[FeedItem]:
    return list(
        degrade(ticks(count, *sensors), Degradation.parse(specs), seed=3, start_us=START_US)
    )


def test_no_fault_leaves_the_items_alone() -> None:
    assert run([]) == list(ticks(2_000, "a"))


def test_the_share_of_lost_samples_is_the_loss() -> None:
    assert len(run(["loss=0.2"], count=5_000)) / 5_000 == pytest.approx(0.8, abs=0.02)


def test_a_loss_of_one_leaves_nothing() -> None:
    assert run(["loss=1"]) == []


def test_samples_that_survive_a_loss_are_unchanged() -> None:
    survivors = run(["loss=0.5"])
    left = set(survivors)

    assert survivors == [item for item in ticks(2_000, "a") if item in left]


def test_more_loss_takes_more_samples_and_brings_none_back() -> None:
    few = {item.sequence for item in run(["loss=0.1"])}

    assert {item.sequence for item in run(["loss=0.4"])} < few


def test_an_offset_moves_event_time_and_not_the_hand_over() -> None:
    moved = run(["clock_offset_ms=-250.5"])

    assert moved == [
        replace(item, start_us=item.start_us - 250_500, end_us=item.end_us - 250_500)
        for item in ticks(2_000, "a")
    ]


def test_a_drift_moves_event_time_in_proportion_to_the_time_since_the_start() -> None:
    gained = [
        item.start_us - true.start_us
        for item, true in zip(run(["clock_drift_ppm=200"]), ticks(2_000, "a"), strict=True)
    ]

    assert gained == [round(20 * sequence) for sequence in range(2_000)]


def test_a_delay_moves_the_hand_over_and_not_the_event_time() -> None:
    assert run(["delay_ms=120"]) == [
        replace(item, due_us=item.due_us + 120_000) for item in ticks(2_000, "a")
    ]


def test_jitter_is_spread_over_its_whole_range_and_stays_in_it() -> None:
    lags = sorted(item.due_us - item.end_us for item in run(["jitter_ms=300"]))

    assert lags[0] >= 0
    assert lags[-1] < 300_000
    assert lags[len(lags) // 2] == pytest.approx(150_000, abs=12_000)


def test_jitter_beyond_the_period_reorders_and_keeps_due_times_ascending() -> None:
    items = run(["jitter_ms=450"])

    assert [item.due_us for item in items] == sorted(item.due_us for item in items)
    assert [item.sequence for item in items] != sorted(item.sequence for item in items)
    assert {item.sequence for item in items} == set(range(2_000))


def test_a_sensor_that_dies_gives_nothing_from_that_moment_on() -> None:
    assert [item.sequence for item in run(["dies_after_s=1.5"])] == list(range(15))


def test_a_fault_of_one_sensor_leaves_the_others_alone() -> None:
    items = run(["a:loss=0.5", "a:clock_offset_ms=40"], sensors=("a", "b"))

    assert [item for item in items if item.sensor == "b"] == list(ticks(2_000, "b"))


def test_two_sensors_lose_different_samples() -> None:
    items = run(["loss=0.5"], sensors=("a", "b"))
    kept = {name: {i.sequence for i in items if i.sensor == name} for name in ("a", "b")}

    assert kept["a"] != kept["b"]


def test_sensors_with_different_delays_come_in_the_order_they_are_due() -> None:
    items = run(["a:delay_ms=700"], sensors=("a", "b"))

    assert [item.due_us for item in items] == sorted(item.due_us for item in items)
    assert len(items) == 4_000


def test_the_same_seed_degrades_in_the_same_way() -> None:
    assert run(["loss=0.3,jitter_ms=90"]) == run(["loss=0.3,jitter_ms=90"])


def test_items_are_released_as_soon_as_no_earlier_one_can_follow() -> None:
    taken = []

    def watched() -> Iterator[FeedItem]:
        for item in ticks(1_000, "a"):
            taken.append(item)
            yield item

    faults = Degradation.parse(["delay_ms=5000,jitter_ms=300"])
    stream = degrade(watched(), faults, seed=3, start_us=START_US)
    for _ in range(100):
        next(stream)

    # A jitter of three periods holds three samples and the one that released them.
    assert len(taken) <= 100 + 5


def test_too_many_samples_held_back_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(degrade_module, "MAX_HELD", 10)

    with pytest.raises(FeedError, match=r"at most 10 samples held back"):
        run(["a:delay_ms=5000"], sensors=("a", "b"))


def test_values_of_all_sensors_hold_for_a_named_one_too_unless_it_has_its_own() -> None:
    parsed = Degradation.parse(["lidar.top:loss=0.1", "loss=0.05,delay_ms=20"])

    assert parsed.of("camera.front") == Fault(loss=0.05, delay_ms=20.0)
    assert parsed.of("lidar.top") == Fault(loss=0.1, delay_ms=20.0)


@pytest.mark.parametrize("name", FAULT_NAMES)
def test_every_fault_can_be_written_as_text(name: str) -> None:
    assert getattr(Degradation.parse([f"mic.a:{name}=0.5"]).of("mic.a"), name) == 0.5


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("lidar.top", r"expected name=value with one of delay_ms, .* got 'lidar.top'"),
        ("lidar.top:", r"expected \[sensor:\]name=value"),
        ("lidar.top:speed=3", r"got 'speed=3'"),
        ("loss=much", r"expected a number for loss, got 'much'"),
        ("loss=1.5", r"expected loss between 0 and 1, got 1.5"),
        ("loss=nan", r"expected loss between 0 and 1, got nan"),
        ("delay_ms=-1", r"expected delay_ms between 0 and 600000, got -1.0"),
        ("jitter_ms=1e9", r"expected jitter_ms between 0 and 60000"),
        ("dies_after_s=-2", r"expected dies_after_s between 0 and"),
    ],
)
def test_a_text_that_is_no_degradation_is_refused_with_what_was_expected(
    spec: str, told: str
) -> None:
    with pytest.raises(FeedError, match=told):
        Degradation.parse([spec])


def test_a_scene_refuses_faults_of_a_sensor_it_does_not_have() -> None:
    with pytest.raises(FeedError, match=r"camera\.front.*got \['lidar\.left'\]"):
        make_scene(
            "vehicle",
            sessions=1,
            seconds=1.0,
            seed=0,
            start_us=START_US,
            degrade=Degradation.parse(["lidar.left:loss=0.1"]),
        )


def test_a_scene_with_losses_renders_the_rest_as_without() -> None:
    whole = make_scene("vehicle", sessions=1, seconds=2.0, seed=6, start_us=START_US)
    faulty = make_scene(
        "vehicle",
        sessions=1,
        seconds=2.0,
        seed=6,
        start_us=START_US,
        degrade=Degradation.parse(["lidar.top:loss=0.5"]),
    )
    kept = list(faulty.items())
    names = {(item.sensor, item.sequence) for item in kept}

    assert kept == [item for item in whole.items() if (item.sensor, item.sequence) in names]
    assert 0 < sum(item.sensor == "lidar.top" for item in kept) < 20
