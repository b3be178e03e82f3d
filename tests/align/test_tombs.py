"""What is remembered of sessions that are over: the newest of them, and no more than allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.align import tombs
from streams.align.tombs import Tomb, Tombs

NAMES = st.sampled_from("abcde")
STEPS = st.lists(st.tuples(st.sampled_from(["put", "take"]), NAMES, st.integers(0, 3)), max_size=60)


@given(steps=STEPS)
def test_the_session_that_ended_first_is_forgotten(steps: list[tuple[str, str, int]]) -> None:
    kept: dict[str, Tomb] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tombs, "MAX_TOMBSTONES", 3)
        found = Tombs()
        for call, name, at_ms in steps:
            if call == "take":
                assert found.take(name) == kept.pop(name, None)
                continue
            kept[name] = tomb = Tomb(at_ms, 0, b"")
            oldest = None
            if len(kept) > 3:
                oldest = min(kept, key=lambda each: (kept[each].at_ms, each))
                del kept[oldest]
            assert found.put(name, tomb) == oldest
        assert {name: found.get(name) for name in found} == kept


def test_names_that_come_back_again_and_again_leave_nothing_behind() -> None:
    found = Tombs()
    for number in range(5 * tombs.MAX_TOMBSTONES):
        found.put("back", Tomb(number, 0, b""))
        found.take("back")
    assert found.entries <= 2 * tombs.MAX_TOMBSTONES
