"""The window that most are: one tile, of which every sensor gives whole samples and all it has.

``assemble.assemble`` gives the same, and anything else.
"""

from __future__ import annotations

from operator import attrgetter

from streams.align.rules import FOREVER, NEVER
from streams.align.session import Session
from streams.align.spec import AlignSpec
from streams.align.types import Entry, SensorTally, Window, WindowSample

_START = attrgetter("start_us")


def assemble_plain(spec: AlignSpec, shard: int, session: Session, start_us: int) -> Window | None:
    """A due window of a session; ``None`` where something about it is out of the ordinary.

    For a spec whose windows are plain (``AlignSpec.is_plain``) and whose clocks are not corrected.
    """
    tile = session.tiles.get(start_us // spec.tile_us)
    if tile is None or session.revisions:
        return None
    places = session.places
    by_sensor: dict[int, list[Entry]] = {}
    for run in tile.runs:
        if not run.plain or run.after_us >= start_us:
            return None
        at = places[run.input, run.sensor]
        records = by_sensor.get(at)
        by_sensor[at] = run.records if records is None else records + run.records
    end_us = start_us + spec.size_us
    samples: list[WindowSample] = []
    tallies: dict[str, SensorTally] = {}
    for name, at in sorted([(sensor.name, at) for at, sensor in enumerate(session.sensors)]):
        sensor = session.sensors[at]
        input = sensor.input
        rule = spec.inputs[input]
        if name in tallies or spec.owner.get(name, input) != input:
            return None
        seen = sensor.first_us < end_us
        records = by_sensor.get(at)
        if records is None:
            if seen or name in rule.sensors:
                tallies[name] = SensorTally(rule.name, seen=seen)
            continue
        input_name = rule.name
        offsets = [record.offset for record in records]
        tallies[name] = SensorTally(input_name, len(offsets), 0, 0, seen, tuple(offsets))
        samples += [
            WindowSample(name, input_name, r.offset, r.start_us, r.end_us, r.feature or b"")
            for r in records
        ]
    # Stable: of one moment in the order of the sensors, and of a sensor in that of the offsets.
    samples.sort(key=_START)
    closing = session.closing_of(start_us)
    idle: tuple[str, ...] = ()
    if closing.idle:
        named = [session.sensors[at].name for at in closing.idle]
        idle = tuple(sorted([name for name in named if name in tallies]))
    watermark_us = closing.watermark_us
    return Window(
        shard,
        session.name,
        start_us,
        end_us,
        tuple(samples),
        tallies,
        closing.at_ms,
        session.event_state,
        0,
        True,
        "watermark",
        watermark_us if NEVER < watermark_us < FOREVER else None,
        idle,
        model_state=session.model_state,
    )
