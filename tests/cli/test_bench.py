"""`sensorium bench` on tiny sizes: that it works and what it reports, never how fast it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Sensorium, run_apart
from workers.cli.failures import WRONG_USAGE

SIZE = ("--sessions", "4", "--seconds", "4")


def report_of(*arguments: str, timeout_s: float = 150) -> dict[str, Any]:
    done = run_apart("bench", *arguments, "--json", timeout_s=timeout_s)
    assert done.status == 0, done.err
    (line,) = done.out.splitlines()
    report: dict[str, Any] = json.loads(line)
    return report


@pytest.mark.integration
def test_align_reports_both_sides_and_their_ratios() -> None:
    report = report_of("align", *SIZE, "--seed", "3")
    assert report["records"] == 4 * 4 * 21
    assert (report["seed"], report["sessions"], report["seconds"]) == (3, 4, 4)
    assert (report["exact_pct"], report["floor_exact_pct"], report["flawless"]) == (100, 100, True)
    assert report["windows"] == report["outcome"]["exact"] >= 4 * 8
    for key in ("samples_per_s", "cpu_s_per_million", "peak_rss_mb"):
        assert report[key] > 0
        assert report[f"floor_{key}"] > 0
    rate = report["samples_per_s"] / report["floor_samples_per_s"]
    cpu = report["cpu_s_per_million"] / report["floor_cpu_s_per_million"]
    assert report["rate_of_floor"] == pytest.approx(rate, abs=0.001)
    assert report["cpu_of_floor"] == pytest.approx(cpu, abs=0.01)


@pytest.mark.integration
def test_align_is_exact_on_a_troubled_recording() -> None:
    report = report_of(
        "align", *SIZE, "--transcripts-late", "2s", "--silent-from-middle", "video",
        "--fast-session", "10", "--feature-bytes", "64",
    )  # fmt: skip
    assert report["trouble"]["transcripts_late_ms"] == 2_000
    assert report["records"] == 4 * 4 * 11 + 4 * 2 * 10 + 9 * (4 * 11 + 2 * 10)
    assert (report["exact_pct"], report["flawless"]) == (100, True)


@pytest.mark.slow
@pytest.mark.integration
def test_verify_is_exact_on_every_recording() -> None:
    report = report_of("align", "--verify", *SIZE)
    assert len(report["cases"]) == 11
    assert len({case["seed"] for case in report["cases"]}) == 6
    assert (report["exact_pct"], report["flawless"]) == (100, True)


@pytest.mark.slow
@pytest.mark.integration
def test_latency_reports_percentiles_of_the_windows_it_counted() -> None:
    report = report_of("latency", "--rate", "210", "--seconds", "3")
    assert (report["rate"], report["sessions"]) == (210, 10)
    assert 0 < report["p50_ms"] <= report["p99_ms"] <= report["max_ms"]
    assert report["from_send"]["p50_ms"] >= report["p50_ms"]
    # Half-second windows of ten sessions in three seconds; the last ones wait for lateness.
    assert 10 * 2 <= report["windows"] <= 10 * 7
    assert report["exact_pct"] == 100


@pytest.mark.slow
@pytest.mark.integration
def test_soak_reports_trends_and_finds_no_session_left() -> None:
    report = report_of("soak", "--minutes", "0.2", "--rate", "210")
    assert report["sessions"] > 10
    assert report["sessions_left"] == []
    assert sum(report["keys_left"].values()) == report["after"]["redis_keys"]
    assert report["max_keys"] > report["after"]["redis_keys"]
    assert {"worker_rss_slope_mb_per_h", "redis_slope_mb_per_h"} <= report.keys()
    assert report["exact_pct"] == 100


@pytest.mark.slow
@pytest.mark.integration
def test_inference_reports_every_side_and_their_ratios() -> None:
    report = report_of("inference", "--sessions", "4", "--seconds", "4")
    assert report["complete"]
    assert report["windows"] == 4 * 2
    (one,) = report["passes"]
    worker, bare = one["worker"], one["bare"]
    assert worker["windows"] == bare["windows"] == report["windows"]
    ratio = (worker["windows"] / worker["cpu_s"]) / (bare["windows"] / bare["cpu_s"])
    assert report["overhead_ratio"] == pytest.approx(ratio, abs=0.001)
    gain = one["alone"]["seconds"] / one["batched"]["seconds"]
    assert report["batching_gain"] == pytest.approx(gain, abs=0.01)
    for key in ("windows_per_s", "bare_windows_per_s", "batch1_windows_per_s", "p99_queue_ms"):
        assert report[key] > 0
    assert report["device"]


@pytest.mark.slow
def test_precision_reports_what_a_shorter_one_changes() -> None:
    report = report_of("precision", "--sessions", "2", "--seconds", "4")
    assert (report["precision"], report["windows"]) == ("bfloat16", 4)
    assert 0.0 < report["mean"] <= report["largest"] < 1.0
    assert 0.5 < report["labels_equal"] <= 1.0


def test_a_pipeline_without_a_scene_is_an_error_of_usage(
    sensorium: Sensorium, tmp_path: Path
) -> None:
    file = tmp_path / "other.yaml"
    inputs = {"mic": {"modality": "audio"}}
    other = {"pipeline": "other", "inputs": inputs, "window": {"size": "1s"}}
    file.write_text(json.dumps({**other, "model": {"name": "call"}}))
    done = sensorium("bench", "inference", "--pipeline", str(file))
    assert done.status == WRONG_USAGE
    assert done.complaint.startswith("sensorium: --pipeline: expected one that has a scene")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--silent-from-middle", "smell", "expected one of video, audio, transcript"),
        ("--transcripts-late", "soon", "expected a duration"),
    ],
)
def test_a_trouble_that_does_not_exist_is_an_error_of_usage(
    sensorium: Sensorium, option: str, value: str, expected: str
) -> None:
    done = sensorium("bench", "align", option, value)
    assert done.status == WRONG_USAGE
    assert done.complaint.startswith(f"sensorium: {option}: {expected}")
    assert value in done.complaint
