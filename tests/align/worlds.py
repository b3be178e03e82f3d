"""Specs, records and operations that the alignment tests draw from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from hypothesis import strategies as st

from streams.align.spec import AlignSpec, InputRule
from streams.align.store import WindowStore
from streams.align.types import Applied, Batch, Entry, Restored, RestoredSession, Window, WindowKey
from streams.errors import StreamError

SESSIONS = ("a", "b}:é")
SENSORS = {"video": ("cam", "cam2"), "audio": ("mic", "cam"), "notes": ("note",)}


def rule(name: str, **changes: Any) -> InputRule:
    """An input whose numbers are small enough to reason about."""
    return InputRule(
        **{"name": name, "modality": "series", "lateness_us": 20, "idle_after_ms": 100, **changes}
    )


def spec_of(*inputs: InputRule, **changes: Any) -> AlignSpec:
    """Windows of 100 us."""
    return AlignSpec(**{"pipeline": "test", "size_us": 100, "inputs": inputs, **changes})


@st.composite
def rules_of(draw: st.DrawFn, name: str, sensors: tuple[str, ...]) -> InputRule:
    """One input of any kind."""
    matcher = draw(st.sampled_from(("collect", "overlap", "nearest", "nearest", "hold")))
    nearest = matcher == "nearest"
    return rule(
        name,
        matcher=matcher,
        reference_us=draw(st.sampled_from((0, 50, 100))) if nearest else 0,
        tolerance_us=draw(st.sampled_from((0, 30, 50, 170))) if nearest else 0,
        exclusive=nearest and draw(st.booleans()),
        max_age_us=draw(st.sampled_from((60, 500))) if matcher == "hold" else 0,
        lateness_us=draw(st.sampled_from((0, 20, 150))),
        idle_after_ms=draw(st.sampled_from((50, 400))),
        expected=draw(st.booleans()) if name == "notes" else draw(st.integers(0, 5)) > 0,
        sensors=draw(st.sampled_from(((), sensors[:1]))),
        max_samples_per_window=draw(st.sampled_from((2, 100))),
        overload=draw(st.sampled_from(("wait", "drop_oldest", "drop_newest"))),
    )


@st.composite
def specs(draw: st.DrawFn) -> AlignSpec:
    """Three inputs of any kind in windows of any kind, with caps low enough to be met."""
    inputs = [draw(rules_of(name, sensors)) for name, sensors in SENSORS.items()]
    windows = draw(st.sampled_from(("tumbling", "tumbling", "sliding", "triggered")))
    return spec_of(
        *inputs,
        every_us=draw(st.sampled_from((50, 25))) if windows == "sliding" else 0,
        trigger=(0, "cam") if windows == "triggered" else None,
        before_us=draw(st.sampled_from((0, 30))) if windows == "triggered" else 0,
        early_after_us=draw(st.sampled_from((None, None, 0, 40))),
        allowed_lateness_us=draw(st.sampled_from((0, 0, 70))),
        on_late=draw(st.booleans()),
        session_timeout_ms=1_000,
        max_open_windows=draw(st.sampled_from((3, 100))),
        max_window_bytes=draw(st.sampled_from((130, 10_000))),
        max_session_bytes=draw(st.sampled_from((400, 100_000))),
    )


def entry(
    offset: int,
    start_us: int,
    *,
    sensor: str = "cam",
    session: str = "a",
    end_us: int | None = None,
    feature: bytes | None = b"f",
) -> Entry:
    """One record."""
    return Entry(session, sensor, offset, start_us, start_us if end_us is None else end_us, feature)


@dataclass
class Past:
    """What the results topic would know: kept from the windows that were acknowledged."""

    sessions: dict[str, RestoredSession] = field(default_factory=dict)
    done: dict[str, set[int]] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)

    def publish(self, window: Window, state: bytes, model_state: bytes = b"") -> None:
        former = self.sessions.get(window.session)
        if window.over and former:
            self.sessions[window.session] = replace(former, event_state=state, model_state=b"")
        if not window.final or window.over:
            return
        sensors = dict(former.sensors) if former else {}
        numbers = dict(former.numbers) if former else {}
        for name, tally in window.tallies.items():
            if tally.sequence is not None:
                numbers[name] = tally.sequence
            if tally.seen:
                sensors.setdefault(name, (tally.input, window.end_us))
            self.done.setdefault(tally.input, set()).update(tally.offsets)
        self.sessions[window.session] = RestoredSession(
            window.session,
            window.end_us,
            sensors,
            state,
            model_state=model_state,
            numbers=numbers,
        )

    def restored(self) -> Restored:
        done = {
            input: sorted(o for o in offsets if o >= self.committed.get(input, 0))
            for input, offsets in self.done.items()
        }
        return Restored(list(self.sessions.values()), done, dict(self.committed))


async def apply(
    store: WindowStore,
    input: str,
    next_offset: int,
    entries: Sequence[Entry],
    now_ms: int,
    caught_up: Collection[str] = (),
) -> Applied:
    """Give shard 0 a batch, with these inputs read to their end."""
    through = dict.fromkeys(caught_up, now_ms)
    return await store.apply(0, Batch(input, next_offset, entries, read_through_ms=through), now_ms)


async def tick(store: WindowStore, caught_up: Collection[str], now_ms: int) -> int:
    """Look at shard 0, with these inputs read to their end; returns what is due."""
    return (await store.tick(0, dict.fromkeys(caught_up, now_ms), now_ms)).due


async def outcome(call: Any) -> Any:
    """What a call returned, or the kind of error that it raised."""
    try:
        return await call
    except StreamError as error:
        return type(error)


def keys(windows: list[Window]) -> list[WindowKey]:
    """What an acknowledgement names."""
    return [WindowKey(w.session, w.start_us, w.over) for w in windows if w.final]


def content(window: Window) -> Window:
    """A window without what depends on when its records were read."""
    return msgspec.structs.replace(window, completed_at_ms=0, watermark_us=None, idle=())


async def drain(store: WindowStore, shard: int, now_ms: int, *, limit: int = 64) -> list[Window]:
    """Lease and acknowledge until nothing is due."""
    windows: list[Window] = []
    while leased := await store.lease(shard, limit, now_ms, 1_000):
        windows += leased
        await store.ack(shard, keys(leased), [], {})
    return windows
