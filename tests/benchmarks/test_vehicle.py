"""What tracking has to reach on this machine. Run by name, on a machine that does nothing else:

python -m pytest tests/benchmarks
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.test_bench import report_of

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Medians of three passes over 128 vehicles."""
    return report_of("vehicle", "--passes", "3", timeout_s=280)


def test_one_core_tracks_100_vehicles_at_10_hz_from_lists_to_objects(
    report: dict[str, Any],
) -> None:
    assert report["model_vehicles_per_core"] >= 100


def test_the_tracker_alone_does_1000_steps_a_second(report: dict[str, Any]) -> None:
    assert report["core_steps_per_s"] >= 1000
