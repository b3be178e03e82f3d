"""Columns of times: found by name, read by unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feed.times import column_for, find_time_column, is_time_name


@pytest.mark.parametrize(
    "name", ["time", "Time", "nominal_time_s", "timestamp", "t", "time[ms]", "minutes", "Date Time"]
)
def test_names_that_tell_a_time_are_found(name: str) -> None:
    assert is_time_name(name)


@pytest.mark.parametrize("name", ["hr", "heart_rate", "rest", "temps", "width_m", ""])
def test_other_names_are_not(name: str) -> None:
    assert not is_time_name(name)


def test_the_first_column_of_time_is_taken() -> None:
    row = {"hr": "80", "t_ms": "5", "timestamp": "1769846400"}
    column = find_time_column(row, row)
    assert column is not None
    assert column.name == "t_ms"


@given(st.integers(0, 10**12))
def test_decimal_seconds_are_read_to_the_microsecond(time_us: int) -> None:
    text = f"{time_us // 1_000_000}.{time_us % 1_000_000:06d}"
    assert column_for("time_s", text).read(text) == time_us


@given(st.text(max_size=12))
def test_a_cell_is_a_time_or_a_value_error(text: str) -> None:
    column = column_for("time_s", "0")
    try:
        time_us = column.read(text)
    except ValueError:
        return
    assert time_us >= 0


@pytest.mark.parametrize("text", ["1e999999", "-0.001", "nan", "inf", "1e30"])
def test_a_number_that_is_no_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        column_for("time_s", "0").read(text)


def test_a_column_that_changes_its_form_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="expected a number"):
        column_for("time", "0.5").read("2026-01-31T08:00:00Z")


@pytest.mark.parametrize(
    ("first", "later", "complaint"),
    [
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:01", "got none in .* and one in the first"),
        ("2026-01-31T08:00:00", "2026-01-31T08:00:01+02:00", "got one in .* and none in the first"),
    ],
)
def test_times_with_and_without_an_offset_in_one_column_are_refused(
    first: str, later: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        column_for("time", first).read(later)


def test_times_of_different_offsets_in_one_column_are_read() -> None:
    column = column_for("time", "2026-01-31T08:00:00Z")
    assert column.read("2026-01-31T10:00:00+02:00") == column.read("2026-01-31T08:00:00Z")
