"""Windows equal what sorting everything and cutting it would give, however it is read."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.align.memory import MemoryStore
from streams.align.spec import AlignSpec
from streams.align.store import WindowStore
from streams.align.types import Entry, LateSample, Window
from tests.align.conftest import World
from tests.align.worlds import apply, drain, rule, spec_of, tick

SENSORS = {"video": ("cam", "cam2"), "audio": ("mic",)}
SPEC = spec_of(*(rule(name, sensors=s, lateness_us=80) for name, s in SENSORS.items()))
SHAPED = spec_of(
    rule("video", sensors=SENSORS["video"], lateness_us=30, max_samples_per_window=3),
    rule(
        "audio",
        sensors=SENSORS["audio"],
        lateness_us=30,
        matcher="nearest",
        reference_us=50,
        tolerance_us=80,
    ),
)

#: session, sensor -> delays between samples and how much later each arrives than it was sensed.
steps = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 79)), min_size=1, max_size=25)
sessions = st.dictionaries(
    st.sampled_from(("a", "b")),
    st.fixed_dictionaries({name: steps for names in SENSORS.values() for name in names}),
    min_size=1,
)
Recorded = Mapping[str, Mapping[str, list[tuple[int, int]]]]


def logs(recorded: Recorded) -> dict[str, list[Entry]]:
    """Each input's records in order of arrival, then one far ahead that lets everything close."""
    found: dict[str, list[Entry]] = {}
    for name, sensors in SENSORS.items():
        arriving = []
        for session, by_sensor in recorded.items():
            for sensor in sensors:
                at_us = 0
                for step_us, delay_us in by_sensor[sensor]:
                    at_us += step_us
                    arriving.append((at_us + delay_us, at_us, session, sensor))
                arriving.append((10_000, 10_000, session, sensor))
        found[name] = [
            Entry(session, sensor, offset, at_us, at_us, b"%d" % offset)
            for offset, (_, at_us, session, sensor) in enumerate(sorted(arriving))
        ]
    return found


async def read(
    store: WindowStore, log: Mapping[str, list[Entry]], rnd: random.Random, most: int
) -> tuple[list[Window], set[LateSample]]:
    """Read the inputs in any interleaving, in chunks of any size up to ``most``."""
    at = dict.fromkeys(log, 0)
    windows: list[Window] = []
    late: set[LateSample] = set()
    await store.claim(0, "w")
    while unread := [name for name in log if at[name] < len(log[name])]:
        name = rnd.choice(unread)
        chunk = log[name][at[name] : at[name] + rnd.randint(1, most)]
        at[name] += len(chunk)
        late.update((await apply(store, name, at[name], chunk, 1)).late)
        windows += await drain(store, 0, 1)
    return sorted(windows, key=lambda w: (w.session, w.start_us)), late


def content(windows: list[Window]) -> dict[tuple[str, int], set[tuple[str, int]]]:
    return {(w.session, w.start_us): {(s.sensor, s.start_us) for s in w.samples} for w in windows}


@settings(max_examples=50)
@given(recorded=sessions, seed=st.integers(0, 2**32))
def test_where_lateness_suffices_windows_are_what_sorting_and_cutting_gives(
    recorded: Recorded, seed: int
) -> None:
    log = logs(recorded)
    oracle: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for entries in log.values():
        for e in entries:
            if e.start_us < 10_000:
                place = (e.session, e.start_us // 100 * 100)
                oracle.setdefault(place, set()).add((e.sensor, e.start_us))
    windows, late = asyncio.run(read(MemoryStore(SPEC), log, random.Random(seed), 20))
    assert content(windows) == oracle
    assert not late


@settings(max_examples=50)
@given(recorded=sessions, seeds=st.tuples(st.integers(0, 2**32), st.integers(0, 2**32)))
def test_neither_chunk_sizes_nor_the_order_of_inputs_change_a_window(
    recorded: Recorded, seeds: tuple[int, int]
) -> None:
    log = logs(recorded)
    one_by_one = asyncio.run(read(MemoryStore(SHAPED), log, random.Random(seeds[0]), 1))
    in_bulk = asyncio.run(read(MemoryStore(SHAPED), log, random.Random(seeds[1]), 50))
    assert [_untimed(w) for w in one_by_one[0]] == [_untimed(w) for w in in_bulk[0]]
    assert _distances(one_by_one[1]) == _distances(in_bulk[1])


def _untimed(window: Window) -> tuple[object, ...]:
    return (window.session, window.start_us, window.samples, window.tallies)


def _distances(late: set[LateSample]) -> set[tuple[str, int, int, str]]:
    return {(sample.input, sample.offset, sample.late_by_us, sample.reason) for sample in late}


# -- the shared workload -------------------------------------------------------------------------


def _workload() -> ModuleType:
    named = os.environ.get("SENSORIUM_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared"
    path = folder / "bench" / "workload.py"
    if not path.is_file():
        pytest.skip(f"no workload at {path}; SENSORIUM_SHARED may name the folder above bench")
    spec = importlib.util.spec_from_file_location("workload", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [7, 11])
@pytest.mark.parametrize("lagging", ["video", "audio", "transcript"])
async def test_the_shared_workload_is_exact_as_a_backlog_with_any_input_read_last(
    world: World, seed: int, lagging: str
) -> None:
    work = _workload()
    work.SEED, work.N_SESSIONS, work.SECONDS = seed, 20, 10
    spec = AlignSpec(
        "bench",
        work.WINDOW_MS * 1_000,
        tuple(rule(m, sensors=(m,), lateness_us=work.GRACE_MS * 1_000) for m in work.MODS),
    )
    events = work.events()
    log: dict[str, list[Entry]] = {name: [] for name in work.MODS}
    for _, ts, s, name, k in events:
        entries = log[name]
        entries.append(
            Entry(work.session_name(s), name, len(entries), ts * 1_000, ts * 1_000, b"%d" % k)
        )
    store = world.store(spec)
    await store.claim(0, "w")
    for name in sorted(log, key=lambda name: name == lagging):
        for at in range(0, len(log[name]), 256):
            chunk = log[name][at : at + 256]
            applied = await apply(store, name, at + len(chunk), chunk, 1)
            assert not applied.late
    windows = await drain(store, 0, 1, limit=200)
    await tick(store, work.MODS, 3_600_000)
    windows += await drain(store, 0, 3_600_000, limit=200)

    made = {
        (w.session, w.start_us // 1_000): {
            name: frozenset(int(s.feature) for s in w.samples if s.sensor == name)
            for name in {s.sensor for s in w.samples}
        }
        for w in windows
    }
    assert len(made) == len(windows)
    assert made == work.oracle(events)
