"""HOTA and CLEAR of tracks in KITTI's layout, as TrackEval computes them.

TrackEval (Luiten et al. 2021, github.com/JonathonLuiten/TrackEval) reads folders, so results are
written into a temporary one; what is ignored (truncated, occluded, small, vans, sitting persons,
regions nobody labelled) is its rule, not ours.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workers.errors import WorkerError
from workers.vehicle.kitti import CLASSES, to_camera
from workers.vehicle.tracking import Objects
from workers.vehicle.tracking.detections import Floats


def rows_of(frame: int, objects: Objects) -> list[str]:
    """Lines of KITTI's tracking format for the objects that are shown and have an image box."""
    shown = np.flatnonzero(objects.shown & (objects.camera != 0))
    return result_lines(
        frame,
        [int(each) for each in objects.number[shown]],
        [CLASSES[each] for each in objects.classes[shown].argmax(axis=1)],
        objects.image_box[shown],
        np.concatenate(
            [objects.position[shown], objects.size[shown], objects.yaw[shown, None]], axis=1
        ),
        objects.existence[shown],
    )


def result_lines(
    frame: int,
    numbers: Sequence[int],
    classes: Sequence[str],
    image_boxes: Floats,
    boxes: Floats,
    scores: Floats,
) -> list[str]:
    """Lines of KITTI's tracking format. ``boxes`` (n, 7): vehicle's axes, NaN where not known."""
    space = np.nan_to_num(to_camera(boxes), nan=-1000.0)
    return [
        " ".join(
            [
                *(str(frame), str(number), name, "-1", "-1", "-10"),
                *(f"{value:.4f}" for value in (*image, *place, score)),
            ]
        )
        for number, name, image, place, score in zip(
            numbers, classes, image_boxes, space, scores, strict=True
        )
    ]


def score(
    data: Path, lengths: Mapping[str, int], results: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, dict[str, float]]]:
    """Figures by class (``car``, ``pedestrian``), then by sequence, all of them as ``all``.

    ``data`` has ``label_02``; ``lengths``: frames of each sequence; ``results``: its lines. Shares
    are in percent: HOTA, DetA, AssA, LocA, MOTA, MOTP; counts: IDSW, FP, FN, TP, Frag, MT, ML, GT.
    Raises ``WorkerError`` where TrackEval is not installed or refuses the lines.
    """
    try:
        import trackeval
        from trackeval.utils import TrackEvalException
    except ImportError:
        raise WorkerError(
            "scores need TrackEval, which is not installed: pip install --no-deps trackeval==1.3.0"
        ) from None
    with tempfile.TemporaryDirectory() as folder:
        truth, tracks = Path(folder) / "truth", Path(folder) / "tracks"
        (tracks / "ours" / "data").mkdir(parents=True)
        truth.mkdir()
        (truth / "label_02").symlink_to((data / "label_02").resolve(), target_is_directory=True)
        (truth / "evaluate_tracking.seqmap.training").write_text(
            "".join(f"{name} empty 000000 {count:06d}\n" for name, count in lengths.items())
        )
        for name in lengths:
            text = "".join(line + "\n" for line in results.get(name, ()))
            (tracks / "ours" / "data" / f"{name}.txt").write_text(text)
        quiet = {
            "PRINT_RESULTS": False, "PRINT_CONFIG": False, "OUTPUT_SUMMARY": False,
            "OUTPUT_DETAILED": False, "PLOT_CURVES": False, "TIME_PROGRESS": False,
            "BREAK_ON_ERROR": True, "LOG_ON_ERROR": None, "USE_PARALLEL": False,
        }  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            evaluator = trackeval.Evaluator(quiet)
            try:
                dataset = trackeval.datasets.Kitti2DBox(
                    {
                        "GT_FOLDER": str(truth),
                        "TRACKERS_FOLDER": str(tracks),
                        "PRINT_CONFIG": False,
                    }
                )
                metrics = [
                    trackeval.metrics.HOTA(),
                    trackeval.metrics.CLEAR({"PRINT_CONFIG": False}),
                ]
                found, _ = evaluator.evaluate([dataset], metrics)
            except TrackEvalException as error:
                raise WorkerError(f"TrackEval refuses the tracks: {error}") from None
    return {
        name: {
            "all" if sequence == "COMBINED_SEQ" else sequence: _figures(values[name])
            for sequence, values in found["Kitti2DBox"]["ours"].items()
        }
        for name in ("car", "pedestrian")
    }


def _figures(values: Mapping[str, Any]) -> dict[str, float]:
    hota, clear = values["HOTA"], values["CLEAR"]
    shares = {name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA", "LocA")}
    shares |= {name: float(clear[name]) for name in ("MOTA", "MOTP")}
    counts = {
        "IDSW": clear["IDSW"],
        "FP": clear["CLR_FP"],
        "FN": clear["CLR_FN"],
        "TP": clear["CLR_TP"],
        "Frag": clear["Frag"],
        "MT": clear["MT"],
        "ML": clear["ML"],
    }
    return {name: round(100 * value, 3) for name, value in shares.items()} | {
        name: int(value) for name, value in counts.items()
    }
