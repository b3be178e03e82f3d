"""What a shard's results tell of its past."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from schemas.result import Result, SensorUse, WindowSpan
from schemas.units import US_PER_S, us_to_iso
from streams.processor.history import restore_from
from streams.results_log import Logged
from tests.processor.world import PIPELINE
from tests.schemas.test_contract import RESULT


def window(second: int, first: int, last: int, *, final: bool = True) -> Result:
    return msgspec.structs.replace(
        RESULT,
        id=f"r{second}",
        final=final,
        window=WindowSpan(us_to_iso(second * US_PER_S), us_to_iso((second + 1) * US_PER_S)),
        sensors={"mic": SensorUse("audio", "audio", 1, 1, 0, 0, 1.0, 0.0, None, [(first, last)])},
    )


async def log(*results: Result, states: Sequence[bytes] = ()) -> AsyncIterator[Logged]:
    for place, result in enumerate(results):
        yield Logged(result, states[place] if place < len(states) else b"")


async def test_a_session_is_closed_through_its_newest_final_window() -> None:
    past = await restore_from(log(window(0, 0, 4), window(1, 5, 9)), {"audio": 0}, PIPELINE)
    assert [session.closed_through_us for session in past.sessions] == [2 * US_PER_S]


async def test_only_offsets_that_are_read_again_are_listed_as_done() -> None:
    past = await restore_from(log(window(0, 0, 4), window(1, 5, 9)), {"audio": 7}, PIPELINE)
    assert past.done == {"audio": {7, 8, 9}}


async def test_a_sensor_is_known_from_the_first_window_that_had_it() -> None:
    past = await restore_from(log(window(0, 0, 4), window(1, 5, 9)), {"audio": 0}, PIPELINE)
    assert past.sessions[0].sensors == {"mic": ("audio", US_PER_S)}


async def test_a_sensor_goes_on_from_the_newest_number_that_a_result_has() -> None:
    first, second, third = window(0, 0, 4), window(1, 5, 9), window(2, 10, 14)
    numbered = msgspec.structs.replace(
        second, sensors={"mic": msgspec.structs.replace(second.sensors["mic"], sequence=9)}
    )
    past = await restore_from(log(first, numbered, third), {"audio": 0}, PIPELINE)
    assert past.sessions[0].numbers == {"mic": 9}


async def test_a_repeated_result_counts_once() -> None:
    once = await restore_from(log(window(0, 0, 4)), {"audio": 0}, PIPELINE)
    twice = await restore_from(log(window(0, 0, 4), window(0, 0, 4)), {"audio": 0}, PIPELINE)
    assert once == twice


async def test_a_result_that_is_not_final_closes_nothing() -> None:
    past = await restore_from(log(window(0, 0, 4, final=False)), {"audio": 0}, PIPELINE)
    (session,) = past.sessions
    assert (session.closed_through_us, session.revisions) == (None, {0: 1})


async def test_an_open_window_goes_on_with_the_number_after_its_newest_revision() -> None:
    early = msgspec.structs.replace(window(1, 5, 9, final=False), revision=0)
    again = msgspec.structs.replace(early, revision=1)
    past = await restore_from(log(window(0, 0, 4), early, again), {"audio": 0}, PIPELINE)
    assert past.sessions[0].revisions == {US_PER_S: 2}


async def test_a_final_result_ends_the_numbering_of_its_window() -> None:
    early = window(0, 0, 4, final=False)
    final = msgspec.structs.replace(window(0, 0, 4), revision=1)
    past = await restore_from(
        log(early, window(1, 5, 9, final=False), final), {"audio": 0}, PIPELINE
    )
    assert past.sessions[0].revisions == {US_PER_S: 1}


async def test_a_revision_that_comes_again_after_its_final_result_is_a_repeat() -> None:
    early = window(0, 0, 4, final=False)
    past = await restore_from(log(window(0, 0, 4), early), {"audio": 0}, PIPELINE)
    assert past.sessions[0].revisions == {}


async def test_what_only_a_revision_used_is_not_done() -> None:
    past = await restore_from(log(window(0, 0, 4, final=False)), {"audio": 0}, PIPELINE)
    assert past.done == {}


async def test_a_session_goes_on_with_the_model_s_state_after_its_newest_final_window() -> None:
    results = window(0, 0, 4), window(1, 5, 9), window(2, 10, 14, final=False)
    past = await restore_from(log(*results, states=[b"one", b"two"]), {"audio": 0}, PIPELINE)
    assert past.sessions[0].model_state == b"two"


async def test_a_repeated_result_brings_back_no_older_state() -> None:
    results = window(0, 0, 4), window(1, 5, 9), window(0, 0, 4)
    past = await restore_from(
        log(*results, states=[b"one", b"two", b"one"]), {"audio": 0}, PIPELINE
    )
    assert past.sessions[0].model_state == b"two"
