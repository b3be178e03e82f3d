"""What is done for many records at once, or for plain windows, gives what the rules give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from schemas.sample import SessionEnd
from streams.align import core as core_module
from streams.align.assemble import assemble
from streams.align.core import ShardCore
from streams.align.handing_out import raw_window
from streams.align.plain import assemble_plain
from streams.align.spec import AlignSpec
from streams.align.types import Batch, Entry, WindowKey
from tests.align.worlds import SENSORS, SESSIONS, rule, spec_of, specs

INPUTS = tuple(SENSORS)

records = st.tuples(
    st.sampled_from(SESSIONS),
    st.integers(0, 1),
    # How far behind the newest of the batch; most in order.
    st.one_of(st.just(0), st.integers(0, 60), st.integers(0, 300)),
    st.sampled_from((b"one", b"", b"more" * 9, None)),
    st.one_of(st.none(), st.integers(0, 9)),
)
batches = st.tuples(
    st.sampled_from(INPUTS), st.lists(records, max_size=12), st.integers(0, 90), st.booleans()
)


def play(spec: AlignSpec, script: list[Any]) -> list[Any]:
    """Every answer of a core to a script, with all that it hands out."""
    core = ShardCore(spec, 0)
    read = dict.fromkeys(INPUTS, 0)
    answers: list[Any] = []
    time_us = now_ms = 0
    for input, rows, ahead_us, tick in script:
        time_us, now_ms = time_us + ahead_us, now_ms + 40
        entries = [
            Entry(
                session,
                SENSORS[input][at % len(SENSORS[input])],
                read[input] + n,
                time_us - behind_us + 7 * n,
                time_us - behind_us + 7 * n,
                feature,
                0,
                sequence,
            )
            for n, (session, at, behind_us, feature, sequence) in enumerate(rows)
        ]
        read[input] += len(entries)
        through = dict.fromkeys(INPUTS, now_ms) if tick else {}
        answers.append(core.apply(Batch(input, read[input], entries, (), through), now_ms))
        if tick:
            answers.append(core.tick(through, now_ms))
        windows = core.lease(9, now_ms, 1_000)
        answers += [windows, core.committable()]
        keys = [WindowKey(w.session, w.start_us, w.over) for w in windows if w.final]
        core.ack(keys, [], {})
        answers.append(core.committable())
    return answers


@settings(max_examples=150)
@given(spec=specs(), script=st.lists(batches, min_size=3, max_size=25))
def test_records_taken_many_at_once_give_what_they_give_one_by_one(
    spec: AlignSpec, script: list[Any]
) -> None:
    many = play(spec, script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core_module, "takes_quickly", lambda spec, input: False)
        one_by_one = play(spec, script)
    event(f"windows {any(isinstance(a, list) and a for a in many)}")
    assert many == one_by_one


def plain_spec(lateness_us: int) -> AlignSpec:
    return spec_of(
        *[rule(name, sensors=names[:1], lateness_us=lateness_us) for name, names in SENSORS.items()]
    )


@settings(max_examples=100)
@given(script=st.lists(batches, min_size=3, max_size=25), lateness_us=st.sampled_from((0, 120)))
def test_a_plain_window_is_assembled_as_any_other_would_be(
    script: list[Any], lateness_us: int
) -> None:
    spec = plain_spec(lateness_us)
    assert spec.is_plain
    compared = 0
    core = ShardCore(spec, 0)
    for n, (input, rows, ahead_us, _) in enumerate(script):
        entries = [
            Entry(
                session,
                SENSORS[input][at % 2],
                99 * n + k,
                60 * n + ahead_us - behind_us,
                60 * n + ahead_us - behind_us,
                feature,
                0,
                sequence,
            )
            for k, (session, at, behind_us, feature, sequence) in enumerate(rows)
            if at < len(SENSORS[input])
        ]
        through = dict.fromkeys(INPUTS, 70 * n)
        core.apply(Batch(input, 99 * n + 99, entries, (), through), 70 * n)
        core.tick(through, 70 * n)
        for session in core.sessions.values():
            for start_us in session.due:
                plain = assemble_plain(spec, 0, session, start_us)
                if plain is not None:
                    compared += 1
                    assert plain == assemble(spec, 0, raw_window(spec, session, start_us))
    assume(compared)


def test_a_session_end_among_records_is_taken_in_its_place() -> None:
    core = ShardCore(plain_spec(0), 0)
    entries = [Entry("a", "cam", n, 10 * n, 10 * n, b"f") for n in (0, 1, 3)]
    ends = [SessionEnd("a", 2)]
    core.apply(Batch("video", 4, entries, ends), 1)
    assert not core.sessions["a"].done
