"""From labelled sequences to parameters, in the order in which one needs the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workers.vehicle.fit.changing import with_class, with_sensor
from workers.vehicle.fit.detecting import fit_detecting
from workers.vehicle.fit.drives import Drives, lines
from workers.vehicle.fit.measuring import collect, sensor_values
from workers.vehicle.fit.search import Trial, search
from workers.vehicle.scoring import score
from workers.vehicle.tracking import Parameters, Tracker
from workers.vehicle.tracking.detections import Kind

#: Where nothing is fitted: what a pedestrian has that differs from a car.
_PEDESTRIAN = {
    "size_m": (0.8, 0.6, 1.75),
    "gate_m": 1.5,
    "acceleration_mps2": 1.5,
    "speed_mps": 2.0,
}
_NAMES = {Kind.BOXES: "boxes", Kind.IMAGE: "image"}
#: Tracks follow from these odds and these from tracks: after so many rounds neither changes much.
_ROUNDS = 3
#: Taken off the log odds of a lidar's detections. PointRCNN was trained on some of the frames that
#: it is fitted on, so its scores are too good there; how much, only other frames could tell.
_SEEN_IN_TRAINING = 1.0


def fit(
    data: Path, seqmap: str, *, passes: int, note: Callable[[str], None]
) -> tuple[Parameters, dict[str, float]]:
    """Parameters, and their figures on the sequences that they were fitted on.

    Raises ``DataSetError`` for missing or damaged files, ``WorkerError`` without TrackEval.
    """
    drives = Drives(data, seqmap)
    observations = {name: each.observations() for name, each in drives.sequences.items()}
    parameters = with_class(Parameters(), 1, _PEDESTRIAN)
    classes = range(len(parameters.classes))
    for kind, name in _NAMES.items():
        for index in classes:
            values = sensor_values(collect(drives, kind, index))
            if kind is Kind.BOXES:
                values["offset"] -= _SEEN_IN_TRAINING
            parameters = with_sensor(parameters, index, name, values)
    note("curves and noise: from single detections")
    for _ in range(_ROUNDS):
        detecting = fit_detecting(Tracker(parameters), drives, observations)
        for (kind, index), both in detecting.items():
            parameters = with_sensor(parameters, index, _NAMES[kind], both)
        note("odds of being seen again: from tracks")

    def measure(tried: Parameters) -> dict[str, dict[str, dict[str, float]]]:
        return score(data, drives.lengths, lines(Tracker(tried), observations))

    def tell(trial: Trial) -> None:
        note(
            f"{trial.class_name} {trial.name} = {trial.value:.3g}: {trial.objective:.3f}"
            + (", kept" if trial.kept else "")
        )

    parameters = search(parameters, measure, passes=passes, note=tell)
    found = measure(parameters)
    figures = {
        f"train_{name}_{what.lower()}": found[name]["all"][what]
        for name in found
        for what in ("HOTA", "MOTA")
    }
    return parameters, figures
