"""NEWS2 against the charts of the Royal College of Physicians (2017), value by value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.clinical.news2 import (
    HIGHEST,
    MISSING,
    PARAMETERS,
    RISKS,
    Scale,
    assess,
    points_of,
)

#: All parameters where they give no point.
WELL = {
    "respiration": 16.0, "spo2": 98.0, "oxygen": 0.0, "systolic": 120.0, "pulse": 70.0,
    "consciousness": 0.0, "temperature": 37.0,
}  # fmt: skip


def patient(**values: float) -> np.ndarray:
    merged = {**WELL, **values}
    return np.array([merged[name] for name in PARAMETERS])


def points(parameter: str, value: float, scale: Scale = 1, **others: float) -> int:
    found = points_of(patient(**{parameter: value, **others}), scale)
    return int(found[PARAMETERS.index(parameter)])


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        *[("respiration", v, p) for v, p in
          [(1, 3), (8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3), (60, 3)]],
        *[("spo2", v, p) for v, p in
          [(50, 3), (91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)]],
        *[("oxygen", v, p) for v, p in [(0, 0), (1, 2)]],
        *[("systolic", v, p) for v, p in
          [(40, 3), (90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3),
           (260, 3)]],
        *[("pulse", v, p) for v, p in
          [(20, 3), (40, 3), (41, 1), (50, 1), (51, 0), (90, 0), (91, 1), (110, 1), (111, 2),
           (130, 2), (131, 3), (220, 3)]],
        *[("consciousness", v, p) for v, p in [(0, 0), (1, 3), (2, 3), (3, 3), (4, 3)]],
        *[("temperature", v, p) for v, p in
          [(32.0, 3), (35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0), (38.1, 1), (39.0, 1),
           (39.1, 2), (42.0, 2)]],
    ],
)  # fmt: skip
def test_every_boundary_of_the_chart(parameter: str, value: float, expected: int) -> None:
    assert points(parameter, value) == expected


@pytest.mark.parametrize(
    ("value", "oxygen", "expected"),
    [(83, 0, 3), (84, 0, 2), (85, 0, 2), (86, 0, 1), (87, 0, 1), (88, 0, 0), (92, 0, 0),
     (93, 0, 0), (100, 0, 0),
     (83, 1, 3), (84, 1, 2), (85, 1, 2), (86, 1, 1), (87, 1, 1), (88, 1, 0), (92, 1, 0),
     (93, 1, 1), (94, 1, 1), (95, 1, 2), (96, 1, 2), (97, 1, 3), (100, 1, 3)],
)  # fmt: skip
def test_every_boundary_of_saturation_on_scale_2(
    value: float, oxygen: float, expected: int
) -> None:
    assert points("spo2", value, 2, oxygen=oxygen) == expected


def test_saturation_on_scale_2_is_missing_where_it_depends_on_unknown_oxygen() -> None:
    assert points("spo2", 95.0, 2, oxygen=float("nan")) == MISSING
    assert points("spo2", 92.0, 2, oxygen=float("nan")) == 0


@pytest.mark.parametrize(
    ("values", "total", "risk"),
    [
        ({}, 0, "low"),
        ({"pulse": 95.0, "temperature": 38.5, "spo2": 95.0, "systolic": 105.0}, 4, "low"),
        ({"pulse": 35.0}, 3, "low-medium"),
        ({"pulse": 35.0, "temperature": 38.5}, 4, "low-medium"),
        ({"pulse": 35.0, "oxygen": 1.0}, 5, "medium"),
        ({"respiration": 22.0, "oxygen": 1.0, "pulse": 95.0}, 5, "medium"),
        ({"respiration": 22.0, "oxygen": 1.0, "pulse": 115.0}, 6, "medium"),
        ({"respiration": 22.0, "oxygen": 1.0, "pulse": 135.0}, 7, "high"),
    ],
)
def test_the_aggregate_gives_the_risk(values: dict[str, float], total: int, risk: str) -> None:
    found = assess(patient(**values))
    assert (int(found.total), RISKS[int(found.risk)]) == (total, risk)


def test_the_worst_of_everything_is_the_highest_score() -> None:
    worst = patient(respiration=30.0, spo2=80.0, oxygen=1.0, systolic=80.0, pulse=140.0,
                    consciousness=4.0, temperature=34.0)  # fmt: skip
    assert int(assess(worst).total) == HIGHEST


def test_a_missing_parameter_adds_nothing_and_is_told() -> None:
    found = assess(patient(respiration=30.0, temperature=float("nan")))
    assert (int(found.total), int(found.measured)) == (3, 6)
    assert found.points[PARAMETERS.index("temperature")] == MISSING


def test_nothing_measured_is_a_score_of_nothing() -> None:
    found = assess(np.full(7, np.nan))
    assert (int(found.total), int(found.measured)) == (0, 0)


def test_values_are_rounded_half_up_to_the_chart() -> None:
    assert points("respiration", 20.4) == 0
    assert points("respiration", 20.5) == 2
    assert points("temperature", 38.04) == 0
    assert points("temperature", float(np.float32(38.1))) == 1


def test_another_number_of_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(\.\.\., 7\)"):
        assess(np.zeros(6))


value = st.one_of(st.just(float("nan")), st.floats(0.0, 300.0))


@given(st.lists(st.lists(value, min_size=7, max_size=7), min_size=1, max_size=5),
       st.sampled_from([1, 2]))  # fmt: skip
def test_many_at_once_are_as_one_by_one(rows: list[list[float]], scale: Scale) -> None:
    together = assess(np.array(rows), scale)
    for place, row in enumerate(rows):
        alone = assess(np.array(row), scale)
        assert together.points[place].tolist() == alone.points.tolist()
        assert (together.total[place], together.risk[place]) == (alone.total, alone.risk)


@given(st.lists(value, min_size=7, max_size=7), st.integers(0, 6), st.sampled_from([1, 2]))
def test_what_is_missing_never_adds_to_the_score(row: list[float], gone: int, scale: Scale) -> None:
    fewer = row.copy()
    fewer[gone] = float("nan")
    assert assess(np.array(fewer), scale).total <= assess(np.array(row), scale).total


@given(st.lists(value, min_size=7, max_size=7), st.sampled_from([1, 2]))
def test_total_and_risk_follow_from_the_points(row: list[float], scale: Scale) -> None:
    found = assess(np.array(row), scale)
    counted = [p for p in found.points.tolist() if p != MISSING]
    assert found.total == sum(counted) <= HIGHEST
    expected = 3 if sum(counted) >= 7 else 2 if sum(counted) >= 5 else int(3 in counted)
    assert found.risk == expected


def _by_hand(rate: float) -> int:
    """Respiration as the chart's prose has it, written apart from the bands."""
    breaths = int(np.floor(rate + 0.5))
    if breaths <= 8 or breaths >= 25:
        return 3
    return 1 if breaths <= 11 else 2 if breaths >= 21 else 0


@given(st.floats(0.0, 80.0))
def test_respiration_is_as_the_prose_has_it(rate: float) -> None:
    assert points("respiration", rate) == _by_hand(rate)


@pytest.mark.parametrize("temperature", [35.05, 36.05, 38.05, 39.05])
def test_a_temperature_of_single_precision_counts_as_it_was_written(temperature: float) -> None:
    values = patient(temperature=temperature)
    assert points_of(values.astype(np.float32)).tolist() == points_of(values).tolist()
