"""What happened to a shard, in order, as bytes; and a shard's state, session by session.

The core is a function of the calls that it was given. So its state is kept as a *journal* of these
calls, in entries that are numbered, and of *saves*: a session as it was after a certain entry. Who
takes a shard over loads the saves, and gives each session again what came after its save.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from schemas.sample import SessionEnd
from streams.align.core import ShardCore
from streams.align.session import Session
from streams.align.state import SHARD
from streams.align.tombs import Tomb
from streams.align.types import Applied, Batch, Entry, LateSample, Window, WindowKey
from streams.errors import StateLost


class Took(msgspec.Struct, tag=1, array_like=True, frozen=True, gc=False):
    """A batch was applied. ``known_below``: the input's next offset before it. ``done``: offsets of
    the batch that a published result had by then. ``late``: what it left to be diverted.
    """

    now_ms: int
    input: str
    known_below: int
    done: Sequence[int]
    next_offset: int
    entries: Sequence[Entry]
    ends: Sequence[SessionEnd]
    read_through_ms: Mapping[str, int]
    notes: Mapping[str, bytes]
    late: Sequence[LateSample]


class Looked(msgspec.Struct, tag=2, array_like=True, frozen=True, gc=False):
    """Time passed for these sessions."""

    now_ms: int
    read_through_ms: Mapping[str, int]
    sessions: Sequence[str]


class Handed(msgspec.Struct, tag=3, array_like=True, frozen=True, gc=False):
    """Early results were handed out: session -> windows."""

    looks: Mapping[str, Sequence[int]]


class Acknowledged(msgspec.Struct, tag=4, array_like=True, frozen=True, gc=False):
    """Windows and late samples were published."""

    windows: Sequence[tuple[str, int, bool]]
    late: Sequence[tuple[str, int]]
    event_states: Mapping[str, bytes]
    model_states: Mapping[str, bytes]


Step = Took | Looked | Handed | Acknowledged


class SavedSession(msgspec.Struct, tag=1, array_like=True, frozen=True, gc=False):
    """A session after an entry."""

    after: int
    session: Session
    note: bytes | None


class SavedTomb(msgspec.Struct, tag=2, array_like=True, frozen=True, gc=False):
    """What is remembered of a session that was over after an entry."""

    after: int
    tomb: Tomb


class SavedShard(msgspec.Struct, tag=3, array_like=True, frozen=True, gc=False):
    """What belongs to no session, after an entry. ``done``: per input, runs of offsets."""

    after: int
    late: dict[str, dict[int, LateSample]]
    done: dict[str, set[int]]


class SavedNothing(msgspec.Struct, tag=4, array_like=True, frozen=True, gc=False):
    """After an entry there was nothing left, whatever the journal still tells from before it."""

    after: int


Saved = SavedSession | SavedTomb | SavedShard | SavedNothing

_encoder = msgspec.msgpack.Encoder()
_steps = msgspec.msgpack.Decoder(Step)
_saved = msgspec.msgpack.Decoder(Saved)

encode = _encoder.encode


def apply(core: ShardCore, batch: Batch, now_ms: int) -> tuple[Applied, Took]:
    """Apply a batch; the answer, and the step that this was."""
    known_below = core.applied.get(batch.input, 0)
    finished = core.done.get(batch.input)
    done = [e.offset for e in batch.entries if e.offset in finished] if finished else ()
    applied = core.apply(batch, now_ms)
    return applied, Took(
        now_ms,
        batch.input,
        known_below,
        done,
        batch.next_offset,
        batch.entries,
        batch.ends,
        batch.read_through_ms,
        batch.notes,
        applied.late,
    )


def handed(windows: Sequence[Window]) -> Handed | None:
    """The step of handing windows out; ``None`` where it says nothing that has to be kept."""
    looks: dict[str, list[int]] = {}
    for window in windows:
        if not window.final:
            looks.setdefault(window.session, []).append(window.start_us)
    return Handed(looks) if looks else None


def acknowledged(
    windows: Sequence[WindowKey],
    late: Sequence[tuple[str, int]],
    event_states: Mapping[str, bytes],
    model_states: Mapping[str, bytes],
) -> Acknowledged:
    """The step of an acknowledgement."""
    named = [(w.session, w.start_us, w.over) for w in windows]
    return Acknowledged(named, late, event_states, dict(model_states))


def save(core: ShardCore, name: str, after: int) -> tuple[bytes, bool]:
    """A session, or ``SHARD``, as it is after an entry, and whether there is anything of it."""
    saved: Saved = SavedNothing(after)
    if name == SHARD:
        if core.is_in_transit():
            saved = SavedShard(after, core.late, core.done)
    elif (session := core.sessions.get(name)) is not None:
        saved = SavedSession(after, session, core.notes.get(name))
    elif (tomb := core.tombs.get(name)) is not None:
        saved = SavedTomb(after, tomb)
    return encode(saved), not isinstance(saved, SavedNothing)


def is_open(data: bytes) -> bool:
    """Whether a save is that of a session, rather than of what is left of one."""
    return isinstance(_saved.decode(data), SavedSession)


class Replay:
    """Brings a core to where another one was. ``saves`` first, then every entry in its order.

    Raises ``StateLost`` for bytes that are not what ``encode`` made.
    """

    def __init__(self, core: ShardCore, shard: int) -> None:
        self._core = core
        self._shard = shard
        #: Name -> the entry that its save is as of.
        self._after: dict[str, int] = {}

    def load(self, name: str, data: bytes) -> Saved:
        """Take a save over."""
        core = self._core
        try:
            saved: Saved = _saved.decode(data)
        except msgspec.MsgspecError as error:
            raise self._unreadable(error) from None
        self._after[name] = saved.after
        match saved:
            case SavedSession(session=session, note=note):
                core.adopt(session)
                if note is not None:
                    core.notes[name] = note
            case SavedTomb(tomb=tomb):
                core.tombs.put(name, tomb)
            case SavedShard(late=late, done=done):
                core.late, core.done = late, done
        return saved

    def redo(self, number: int, data: bytes) -> None:
        """Do an entry's step again, for whatever was saved before it."""
        core = self._core
        try:
            step: Step = _steps.decode(data)
        except msgspec.MsgspecError as error:
            raise self._unreadable(error) from None
        match step:
            case Took():
                self._take_again(number, step)
            case Looked():
                names = [n for n in step.sessions if self._lacks(number, n)]
                core.look(names, step.read_through_ms, step.now_ms)
            case Handed():
                core.note_looks({n: w for n, w in step.looks.items() if self._lacks(number, n)})
            case Acknowledged():
                windows = [WindowKey(*w) for w in step.windows if self._lacks(number, w[0])]
                late = step.late if self._lacks(number, SHARD) else ()
                core.ack(windows, late, step.event_states, step.model_states)

    def _take_again(self, number: int, step: Took) -> None:
        core = self._core
        done, late = core.done, core.late
        # What is known of later times already is put aside meanwhile.
        core.applied[step.input] = step.known_below
        core.done, core.late = {step.input: set(step.done)}, {}
        lacking = [entry for entry in step.entries if self._lacks(number, entry.session)]
        notes = {name: note for name, note in step.notes.items() if self._lacks(number, name)}
        ends = [end for end in step.ends if self._lacks(number, end.session)]
        batch = Batch(step.input, step.next_offset, lacking, ends, step.read_through_ms, notes)
        core.apply(batch, step.now_ms)
        core.done, core.late = done, late
        if self._lacks(number, SHARD):
            if step.input in done:
                done[step.input] = {o for o in done[step.input] if o >= step.next_offset}
            for sample in step.late:
                late.setdefault(step.input, {})[sample.offset] = sample
                core.touch_shard()

    def _lacks(self, number: int, name: str) -> bool:
        return number > self._after.get(name, -1)

    def _unreadable(self, error: Exception) -> StateLost:
        return StateLost(self._shard, f"expected state of this version, got other bytes: {error}")
