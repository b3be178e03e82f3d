"""What inference has to reach on this machine. Run by name, on a machine that does nothing else:

python -m pytest tests/benchmarks
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.test_bench import report_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Medians of three passes over 64 calls."""
    return report_of("inference", "--sessions", "64", "--passes", "3", timeout_s=800)


def test_every_window_is_there(report: dict[str, Any]) -> None:
    assert report["complete"]


def test_the_worker_does_85_percent_of_the_bare_loops_windows_per_cpu_second(
    report: dict[str, Any],
) -> None:
    assert report["overhead_ratio"] >= 0.85


def test_batching_over_64_sessions_is_three_times_as_fast_as_batches_of_one(
    report: dict[str, Any],
) -> None:
    assert report["batching_gain"] >= 3.0
