"""Car and pedestrian tracking on KITTI, camera and lidar fused, through Kafka and the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.settings import load_settings
from workers.datasets.kitti_tracking import (
    FIRST_US,
    LICENCE,
    ORIGIN,
    UNDISTURBED,
    Disturbance,
    Recording,
    find_recordings,
    merged,
)
from workers.demo.site import open_site
from workers.errors import EvaluationError
from workers.evaluation.tracks_in_stream import Tracks, track_in_stream
from workers.model_file import resolve_folder
from workers.recipes.base import Evaluation, Figure, Options, Progress, Table
from workers.vehicle.fusion.manifest import read_tracking_model
from workers.vehicle.kitti import CAMERA, FRAME_US, LIDAR, read_sequence
from workers.vehicle.scoring import score

Scores = dict[str, dict[str, dict[str, float]]]

#: By how much the lidar's clock is ahead in the variants that say so.
_LATE_US = FRAME_US
_ALONE = (
    Disturbance("lidar alone", sensors=(LIDAR,)),
    Disturbance("camera alone", sensors=(CAMERA,)),
)
_DISTURBED = (
    Disturbance("camera gone 2 s of 10", camera_gone=True),
    Disturbance("lidar at half rate", lidar_half=True),
    Disturbance("lidar clock 100 ms ahead", lidar_late_us=_LATE_US),
)
_CORRECTED = Disturbance("the same, corrected", lidar_late_us=_LATE_US)
_COLUMNS = ("HOTA", "DetA", "AssA", "MOTA", "MOTP", "IDSW", "FP", "FN", "Frag")
_SHARES = 5
_NOTES = (
    "Scores are TrackEval's, of boxes in the image: ignored are its rules for what is truncated, "
    "occluded or not labelled.",
    "Every sequence is a session; its detections went through Kafka, the aligner and a worker, "
    "and the tracks are read from the results topic.",
    "PointRCNN was trained on frames of KITTI's object benchmark, some of which are in the train "
    "sequences: figures of those are too good.",
)


@dataclass(frozen=True, slots=True)
class _Variant:
    """One way in which the sequences are fed, and to which pipeline."""

    disturbance: Disturbance
    pipeline: Pipeline

    def session(self, recording: Recording) -> str:
        return f"{self.disturbance.name.replace(' ', '-').replace(',', '')}/{recording.name}"


class KittiTracking:
    """``workers.recipes.base.Recipe``."""

    name = "kitti-tracking"
    claim = (
        "Tracking of cars on KITTI's validation sequences (AB3DMOT's split) from lidar and camera "
        "detections: MOTA above 87 and HOTA above 77 in the image; lidar alone (AB3DMOT) has MOTA "
        "85.98"
    )

    def run(
        self, data: Path, test: Path | None, options: Options, progress: Progress
    ) -> Evaluation:
        """See ``Recipe.run``. ``test``: all of its sequences are judged, or those named."""
        _refuse(options)
        path = data if test is None else test
        recordings = _judged(path, options.sequences, everything=test is not None)
        variants = _variants(options)
        tracks = asyncio.run(_run(path, recordings, variants, progress))
        scores: dict[str, Scores] = {}
        lengths = {each.name: each.frames for each in recordings}
        with progress.track("scores", len(variants)) as advance:
            for variant in variants:
                lines = {one.name: tracks.lines(variant.session(one)) for one in recordings}
                scores[variant.disturbance.name] = score(path, lengths, lines)
                advance(1)
        return _evaluation(recordings, scores, tracks, [v.disturbance for v in variants])


def recipe() -> KittiTracking:
    """The recipe."""
    return KittiTracking()


def _refuse(options: Options) -> None:
    for name in ("seeds", "folds", "inputs"):
        if getattr(options, name):
            raise EvaluationError(
                f"--{name}: not expected with kitti-tracking, whose parameters are fitted already "
                "and whose sensors are reported alone and together; leave it out"
            )


def _judged(path: Path, names: Sequence[str], *, everything: bool) -> list[Recording]:
    """The named sequences; else those of the validation split; else all that were not fitted on."""
    found = find_recordings(path, names)
    if names or everything:
        return found
    held_out = [each for each in found if each.split == "test"]
    chosen = held_out or [each for each in found if each.split != "train"]
    if not chosen:
        raise EvaluationError(
            f"{path}: expected sequences that the parameters were not fitted on, got "
            f"{len(found)} of the train sequence map alone; name them with --sequences"
        )
    return chosen


def _variants(options: Options) -> list[_Variant]:
    plain = load_pipeline("drive")
    corrected = _with_clock(plain)
    found = [_Variant(each, plain) for each in (UNDISTURBED, *_ALONE)]
    if not options.quick:
        found += [_Variant(each, plain) for each in _DISTURBED]
        found.append(_Variant(_CORRECTED, corrected))
    return found


def _with_clock(pipeline: Pipeline) -> Pipeline:
    """The pipeline, told how far the lidar's clock is ahead."""
    tree = pipeline.model_dump(mode="json", exclude_unset=True)
    tree["pipeline"] = f"{pipeline.pipeline}-corrected"
    tree["inputs"]["lidar"]["sensor_clocks"] = {LIDAR: {"offset": f"-{_LATE_US // 1_000}ms"}}
    return Pipeline.model_validate(tree)


async def _run(
    path: Path, recordings: Sequence[Recording], variants: Sequence[_Variant], progress: Progress
) -> Tracks:
    """Every variant of every sequence as a session of its own; each pipeline with a worker."""
    drives = {each.name: read_sequence(path, each.name, each.frames) for each in recordings}
    frames = {variant.session(each): each.frames for variant in variants for each in recordings}
    tracks = Tracks(FIRST_US, FRAME_US, frames)
    pipelines = {variant.pipeline.pipeline: variant.pipeline for variant in variants}
    with open_site(load_settings(), use_configured=False) as site:
        for name, pipeline in pipelines.items():
            mine = [each for each in variants if each.pipeline.pipeline == name]
            fed = [
                (variant.session(each), drives[each.name], variant.disturbance)
                for variant in mine
                for each in recordings
            ]
            windows = sum(_windows(each.frames, disturbed) for _, each, disturbed in fed)
            with progress.track(f"{len(fed)} drives through pipeline {name}"):
                await track_in_stream(site, pipeline, merged(fed), tracks, windows)
    return tracks


def _windows(frames: int, disturbed: Disturbance) -> int:
    """Frames in which some sensor gave something, by its own clock: those have a window."""
    late = disturbed.lidar_late_us // FRAME_US
    return sum(
        disturbed.has(CAMERA, frame) or (frame >= late and disturbed.has(LIDAR, frame - late))
        for frame in range(frames)
    )


def _evaluation(
    recordings: Sequence[Recording],
    scores: Mapping[str, Scores],
    tracks: Tracks,
    variants: Sequence[Disturbance],
) -> Evaluation:
    fused = scores[UNDISTURBED.name]
    count = sum(each.frames for each in recordings)
    car = fused["car"]["all"]
    figures = [
        Figure("MOTA", car["MOTA"], count=count, goal=87.0, note="car, 2D, percent"),
        Figure("HOTA", car["HOTA"], count=count, goal=77.0, note="car, 2D, percent"),
    ]
    if _CORRECTED.name in scores:
        lost = scores[_CORRECTED.name]["car"]["all"]["MOTA"] - car["MOTA"]
        figures.append(
            Figure(
                "MOTA with the lidar's clock corrected, less undisturbed",
                round(lost, 3),
                count=count,
                goal=-2.0,
                note="car, points",
            )
        )
    names = [each.name for each in recordings]
    tables = [
        _table(kind, "all", [(each.name, scores[each.name][kind]["all"]) for each in variants])
        for kind in ("car", "pedestrian")
    ]
    tables.append(_table("car", "fused, by sequence", [(n, fused["car"][n]) for n in names]))
    model = read_tracking_model(resolve_folder(load_pipeline("drive").model.name))
    notes = [
        f"The evaluation fits nothing; the tracker is model {model.ref.name} {model.ref.version}. "
        f"Its parameters: {model.data}",
        *_NOTES,
    ]
    if tracks.failures:
        notes.append(f"{tracks.failures} windows had no answer.")
    return Evaluation(
        KittiTracking.name,
        KittiTracking.claim,
        figures,
        f"{len(names)} sequences, {count} frames: {', '.join(names)}",
        ORIGIN,
        LICENCE,
        notes,
        tables,
    )


def _table(kind: str, of: str, rows: Sequence[tuple[str, Mapping[str, float]]]) -> Table:
    return Table(
        f"{kind}: {of}",
        ("", *_COLUMNS),
        tuple(
            (name, *(_shown(column, values[column]) for column in _COLUMNS))
            for name, values in rows
        ),
        "HOTA to MOTP in percent; the others are counts.",
    )


def _shown(column: str, value: float) -> str:
    return f"{value:.2f}" if column in _COLUMNS[:_SHARES] else f"{value:.0f}"
