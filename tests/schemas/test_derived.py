"""Ids and times by their fast ways are those of the standard library."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.result import ID_NAMESPACE, derived_id, result_id
from schemas.units import iso_to_us, time_to_us, us_to_iso, us_to_time

words = st.text(st.characters(codec="utf-8"), max_size=40)
#: 0001 to 9999: what a datetime can say.
times_us = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)


@given(words)
def test_a_derived_id_is_the_namespace_s_uuid5(name: str) -> None:
    assert derived_id(name) == str(uuid.uuid5(ID_NAMESPACE, name))


@given(words, words, st.integers(), st.integers(0, 100))
def test_a_result_s_id_is_derived_from_window_and_revision(
    pipeline: str, session: str, start_us: int, revision: int
) -> None:
    name = f"result\x1f{pipeline}\x1f{session}\x1f{start_us}\x1f{revision}"
    assert result_id(pipeline, session, start_us, revision) == str(uuid.uuid5(ID_NAMESPACE, name))


def test_result_ids_do_not_change_between_versions() -> None:
    assert result_id("call", "c-1", 0, 0) == "8e37ce6f-3cc7-52e0-a653-b07cd0075ea0"


@given(times_us)
def test_a_time_is_written_as_the_standard_library_writes_it(time_us: int) -> None:
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    spec = "microseconds" if time_us % 1_000 else "milliseconds"
    assert us_to_iso(time_us) == time.isoformat(timespec=spec).replace("+00:00", "Z")


@given(times_us)
def test_a_written_time_is_read_back(time_us: int) -> None:
    assert iso_to_us(us_to_iso(time_us)) == time_us
    assert time_to_us(us_to_time(time_us)) == time_us


offsets = st.timedeltas(min_value=timedelta(hours=-23), max_value=timedelta(hours=23)).map(
    lambda offset: timedelta(seconds=int(offset.total_seconds()))
)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), offsets)
def test_a_time_of_any_offset_is_exact(local: datetime, offset: timedelta) -> None:
    sign = "-" if offset < timedelta(0) else "+"
    utc = local.replace(tzinfo=UTC) - offset
    text = f"{local.isoformat()}{sign}{str(abs(offset)).zfill(8)}"
    assert iso_to_us(text) == (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
