"""A drive from raw frames and sweeps: what lidar clustering and a camera detector find together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.objects import TrackedObject
from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.settings import load_settings
from schemas.units import iso_to_us
from streams.feed.plan import plan_feed
from workers.datasets.kitti_labels import Labelled, read_labels
from workers.errors import DataSetError, EvaluationError
from workers.evaluation.in_stream import answered_in_stream, stream_site
from workers.recipes.base import Evaluation, Figure, Options, Progress, Table
from workers.vehicle.calibration.kitti import camera_to_lidar
from workers.vehicle.calibration.reading import read_rig
from workers.vehicle.calibration.rig import Camera, image_boxes
from workers.vehicle.judging import NEAR_M, OVERLAP, Score, inside, nearness, overlaps, score

Floats = NDArray[np.float64]

#: The first frame is of this moment, so that frame k is in window k of 100 ms.
_START = "2011-09-26T13:00:00Z"
_FRAME_US = 100_000
CAMERA, LIDAR = "camera.front", "lidar.top"
#: Kinds that are judged as one: what drives on wheels with a cabin.
VEHICLES = ("car", "van", "truck", "bus")
_LABELLED = frozenset({"Car", "Van", "Truck"})
#: COCO's names, as the detector that lies beside the drive has them.
_CLASSES = {"car": "car", "truck": "truck", "bus": "truck", "person": "pedestrian"}


class RawDrive:
    """``workers.recipes.base.Recipe``."""

    name = "kitti-raw"
    claim = (
        "vehicles in the labelled frames of a KITTI raw drive, found from raw frames and sweeps "
        "by lidar clustering and a camera detector: precision and recall"
    )

    def run(
        self, data: Path, test: Path | None, options: Options, progress: Progress
    ) -> Evaluation:
        """See ``Recipe.run``; nothing is trained, so that ``test`` is judged in place of ``data``.

        The detector is ``weights_fastestdet/FastestDet.onnx`` beside the drive's folder; without
        it there is the lidar alone.
        """
        folder = test or data
        labels = _labels(folder)
        detector = folder.resolve().parent / "weights_fastestdet"
        variants = _variants(folder, detector if (detector / "FastestDet.onnx").is_file() else None)
        camera = read_rig(folder / "calib.txt").cameras["image_02"]
        with progress.track("drives through the stream", len(variants)) as advance:
            found = asyncio.run(_run(folder, variants, lambda: advance(1)))
        scores = {name: _judge(results, labels, camera) for name, results in found.items()}
        return _evaluation(scores, labels, has_camera=len(variants) > 1)


def _labels(folder: Path) -> dict[int, Labelled]:
    """Frame -> its labels."""
    calib = folder / "calib.txt"
    files = sorted((folder / "label_2").glob("*.txt"))
    if not calib.is_file() or not files:
        raise DataSetError(f"{folder}: expected calib.txt and label_2/*.txt of a drive, got none")
    matrix = camera_to_lidar(calib.read_text(encoding="utf-8"), calib)
    return {int(file.stem): read_labels(file, matrix) for file in files}


def _variants(folder: Path, detector: Path | None) -> dict[str, Pipeline]:
    variants = {"lidar alone": _pipeline("lidar", folder, None)}
    if detector is not None:
        variants["camera and lidar"] = _pipeline("both", folder, detector)
    return variants


def _pipeline(name: str, folder: Path, detector: Path | None) -> Pipeline:
    inputs: dict[str, object] = {
        "lidar": {"modality": "points", "sensors": [LIDAR], "lateness": "100ms"}
    }
    perception: dict[str, object] = {"lidar": {"kind": "clusters"}}
    if detector is not None:
        inputs["camera"] = {"modality": "video", "sensors": [CAMERA], "lateness": "100ms"}
        perception["camera"] = {
            "kind": "onnx",
            "file": str(detector / "FastestDet.onnx"),
            "labels": str(detector / "coco.names"),
            "layout": "fastestdet",
            "size": (352, 352),
            "colors": "bgr",
            "classes": _CLASSES,
            "min_score": 0.35,
            "max_overlap": 0.38,
        }
    return Pipeline.model_validate(
        {
            "pipeline": f"raw-{name}",
            "inputs": inputs,
            "window": {"size": "100ms"},
            "model": {"name": "drive-raw"},
            "calibration": {
                "file": str((folder / "calib.txt").resolve()),
                "sensors": {CAMERA: "image_02"},
            },
            "perception": perception,
        }
    )


async def _run(
    folder: Path, variants: Mapping[str, Pipeline], done: Callable[[], None]
) -> dict[str, list[Result]]:
    found = {}
    with stream_site(load_settings()) as site:
        for name, pipeline in variants.items():
            plan = plan_feed(_sources(folder, pipeline), pipeline, now_us=0, start=_START)
            starts = {item.start_us - item.start_us % _FRAME_US for item in plan.items()}
            windows = {(plan.sessions[0], start_us) for start_us in starts}
            found[name] = await answered_in_stream(site, pipeline, plan.items(), windows)
            if len(found[name]) < len(windows):
                raise EvaluationError(
                    f"{name}: expected {len(windows)} results, got {len(found[name])}"
                )
            done()
    return found


def _sources(folder: Path, pipeline: Pipeline) -> list[str]:
    lidar = next(
        (each for each in ("velodyne_points", "velodyne_fov") if (folder / each).is_dir()), None
    )
    if lidar is None:
        raise DataSetError(f"{folder}: expected a folder velodyne_points or velodyne_fov")
    sources = [f"lidar/{LIDAR}={folder / lidar}"]
    if "camera" in pipeline.inputs:
        sources.append(f"camera/{CAMERA}={folder / 'image_02'}")
    return sources


def _judge(
    results: Sequence[Result], labels: Mapping[int, Labelled], camera: Camera
) -> dict[str, Score]:
    """By distance over the road, and by overlap in the image, over all labelled frames."""
    first_us = iso_to_us(_START)
    frames = {
        (iso_to_us(result.window.start) - first_us) // _FRAME_US: result for result in results
    }
    total = {"distance": Score(), "overlap": Score()}
    for frame, labelled in labels.items():
        result = frames.get(frame)
        found = result.objects if result and isinstance(result.objects, list) else []
        told = [
            each
            for each in found
            if each.status in ("confirmed", "coasted")
            and not each.suspended
            and each.label in VEHICLES
        ]
        vehicles = np.array([kind in _LABELLED for kind in labelled.kinds], np.bool_)
        boxes = np.array([_box(each) for each in told if each.kinematics], np.float64)
        boxes = boxes.reshape(-1, 7)
        spans = image_boxes(camera, boxes)
        outside = np.isnan(spans[:, 0]) | inside(np.nan_to_num(spans), labelled.ignored)
        total["distance"] += score(nearness(labelled.boxes[vehicles], boxes), -NEAR_M, outside)
        seen = np.nan_to_num(np.array([_span(each, camera) for each in told]).reshape(-1, 4))
        unjudged = (seen[:, 2] <= 0) | inside(seen, labelled.ignored)
        total["overlap"] += score(overlaps(labelled.spans[vehicles], seen), OVERLAP, unjudged)
    return total


def _box(item: TrackedObject) -> list[float]:
    motion, shape = item.kinematics, item.shape
    assert motion is not None
    assert shape is not None
    return [*motion.position, shape.length, shape.width, shape.height, motion.yaw]


def _span(item: TrackedObject, camera: Camera) -> Floats:
    """Where the object is in the image: as it was seen there, else where its box would be."""
    if CAMERA in item.boxes:
        return np.array(item.boxes[CAMERA])
    if item.kinematics is None:
        return np.full(4, np.nan)
    return np.asarray(image_boxes(camera, np.array([_box(item)]))[0], np.float64)


def _evaluation(
    scores: Mapping[str, Mapping[str, Score]], labels: Mapping[int, Labelled], *, has_camera: bool
) -> Evaluation:
    best = scores["camera and lidar" if has_camera else "lidar alone"]
    figures = [
        Figure(f"{what} at {bound}", value, count=each.labelled)
        for bound, each in (
            (f"{NEAR_M:g} m", best["distance"]),
            (f"IoU {OVERLAP:g} in the image", best["overlap"]),
        )
        for what, value in (("recall", each.recall), ("precision", each.precision))
    ]
    rows = tuple(
        (name, bound, str(each.labelled), str(each.found), str(each.wrong),
         f"{each.recall:.3f}", f"{each.precision:.3f}")
        for name, both in scores.items()
        for bound, each in both.items()
    )  # fmt: skip
    notes = [
        "Every frame and sweep went through Kafka and a worker; judged are the tracked objects of "
        "the results. A vehicle is a car, van, truck or bus, whichever of them it is called.",
        "What lies in regions that nobody labelled, or outside the image, is neither right nor "
        "wrong. An object that is there but not labelled counts as wrong.",
        "The tracker's parameters (model drive-raw) were set by hand with an eye on drive 0052.",
    ]
    if not has_camera:
        notes.append("There is no weights_fastestdet beside the drive: the lidar is alone.")
    return Evaluation(
        RawDrive.name,
        RawDrive.claim,
        figures,
        f"{len(labels)} labelled frames: {', '.join(map(str, labels))}",
        "KITTI raw (Geiger et al. 2013), labels of the object benchmark",
        "CC BY-NC-SA 3.0",
        notes,
        [
            Table(
                "Vehicles",
                ("sensors", "by", "labelled", "found", "wrong", "recall", "precision"),
                rows,
            )
        ],
    )


def recipe() -> RawDrive:
    """The recipe."""
    return RawDrive()
