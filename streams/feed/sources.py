"""Sources as a command line names them, and the input and sensors that each belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.pipeline import Pipeline
from streams.errors import FeedError
from streams.feed.formats import open_tracks
from streams.feed.track import ReadOptions, Track

_SENSOR = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
#: In place of a sensor: this channel is not played.
LEFT_OUT = "-"
_ONE = rf"(?:{_SENSOR}|{LEFT_OUT})"
_NAMED = re.compile(rf"^([a-z][a-z0-9_-]{{0,47}})(?:/({_ONE}(?:,{_ONE})*))?=(.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """``[input[/sensor[,sensor…]]=]PATH``, taken apart; several sensors are a file's channels in
    their order, ``-`` one that is left out.
    """

    path: Path
    input: str | None = None
    sensors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """One track and the sensor that it is played as."""

    track: Track
    input: str
    sensor: str


def parse_source(text: str) -> Source:
    """Take one source apart; an existing path that contains ``=`` is a path.

    >>> parse_source("audio/mic.agent,mic.customer=call.wav")
    Source(path=PosixPath('call.wav'), input='audio', sensors=('mic.agent', 'mic.customer'))
    """
    found = _NAMED.match(text)
    if not text.strip():
        raise FeedError("expected a source [input[/sensor]=]PATH, got nothing; name a file")
    if found is None or Path(text).exists():
        return Source(Path(text))
    sensors = tuple(found[2].split(",")) if found[2] else ()
    return Source(Path(found[3]), found[1], sensors)


def place(sources: Sequence[Source], pipeline: Pipeline, options: ReadOptions) -> list[Placement]:
    """Open every source and give each of its tracks an input and a sensor.

    Raises ``FeedError`` where a file cannot be played, where it is not clear as what, and where
    two tracks would be the same sensor.
    """
    placements = [found for source in sources for found in _place(source, pipeline, options)]
    if not placements:
        raise FeedError("expected at least one source, got none; name a file")
    owners = {name: key for key, spec in pipeline.inputs.items() for name in spec.sensors}
    taken: dict[str, Path] = {}
    for placed in placements:
        owner = owners.get(placed.sensor, placed.input)
        if owner != placed.input:
            raise FeedError(
                f"{placed.track.path}: expected a sensor of input {placed.input!r}, got "
                f"{placed.sensor!r}, which belongs to {owner!r}; choose another name"
            )
        if placed.sensor in taken:
            raise FeedError(
                f"{placed.track.path}: expected one source a sensor, got a second for "
                f"{placed.sensor!r} beside {taken[placed.sensor]}; name it "
                f"{placed.input}/SENSOR={placed.track.path.name}"
            )
        taken[placed.sensor] = placed.track.path
    return placements


def _place(source: Source, pipeline: Pipeline, options: ReadOptions) -> list[Placement]:
    if source.input is None:
        tracks = open_tracks(source.path, options)
        by_input: dict[str, list[Track]] = {}
        for track in tracks:
            by_input.setdefault(_input_of(track, pipeline), []).append(track)
    else:
        spec = pipeline.inputs.get(source.input)
        if spec is None:
            raise FeedError(
                f"{source.path}: expected an input of pipeline {pipeline.pipeline!r} "
                f"({_choices(pipeline)}), got {source.input!r}; choose one of them"
            )
        tracks = open_tracks(source.path, options, modality=spec.modality)
        fitting = [track for track in tracks if spec.modality in track.modalities]
        if not fitting:
            got = ", ".join(sorted({track.modalities[0].value for track in tracks}))
            raise FeedError(
                f"{source.path}: expected {spec.modality.value} for input {source.input!r}, got "
                f"{got}; the inputs are {_choices(pipeline)}"
            )
        by_input = {source.input: fitting}
    return [
        Placement(track, name, sensor)
        for name, members in by_input.items()
        for track, sensor in zip(members, _sensors(source, name, members, pipeline), strict=True)
        if sensor != LEFT_OUT
    ]


def _choices(pipeline: Pipeline) -> str:
    return ", ".join(f"{name} ({spec.modality.value})" for name, spec in pipeline.inputs.items())


def _input_of(track: Track, pipeline: Pipeline) -> str:
    """The one input of the track's natural modality, else of the next it can be fed as."""
    for modality in track.modalities:
        fitting = [name for name, spec in pipeline.inputs.items() if spec.modality is modality]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise FeedError(
                f"{track.path}: expected its input, got none, and {', '.join(fitting)} all take "
                f"{modality.value}; write {fitting[0]}={track.path.name}"
            )
    raise FeedError(
        f"{track.path}: expected an input for {track.modalities[0].value} in pipeline "
        f"{pipeline.pipeline!r}, got {_choices(pipeline)}; name the input or leave the file out"
    )


def _sensors(source: Source, name: str, tracks: list[Track], pipeline: Pipeline) -> list[str]:
    """One sensor a track: those named, those that the tracks are labelled with, those declared in
    order, else the input's name.
    """
    declared = pipeline.inputs[name].sensors
    if source.sensors and set(source.sensors) == {LEFT_OUT}:
        raise FeedError(
            f"{source.path}: expected a sensor for one channel at least, got {LEFT_OUT!r} alone; "
            "name one or leave the file out"
        )
    if len(source.sensors) == len(tracks):
        return list(source.sensors)
    if len(source.sensors) > 1:
        raise FeedError(
            f"{source.path}: expected {len(tracks)} sensors, one a channel, got "
            f"{len(source.sensors)}; name as many, {LEFT_OUT!r} for a channel to leave out"
        )
    if not source.sensors:
        if all(track.label in declared for track in tracks):
            return [track.label for track in tracks]
        if len(declared) == len(tracks):
            return list(declared)
        if len(declared) > 1:
            raise FeedError(
                f"{source.path}: expected a sensor of input {name!r} ({', '.join(declared)}), got "
                f"none; write {name}/{declared[0]}={source.path.name}"
            )
    base = (*source.sensors, *declared, name)[0]
    if len(tracks) == 1:
        return [base]
    return [f"{base}.{track.label}" for track in tracks]
