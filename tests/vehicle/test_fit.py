"""What is fitted from labelled sequences is what was put into them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vehicle.labelled_folder import SHIFT_PX, WIDTH_PX, write_folder
from workers.errors import DataSetError
from workers.vehicle.fit.detecting import fit_detecting
from workers.vehicle.fit.drives import Drives
from workers.vehicle.fit.fitting import fit
from workers.vehicle.fit.measuring import collect, sensor_values
from workers.vehicle.fit.saving import save
from workers.vehicle.fit.search import better, changed, objective, read
from workers.vehicle.fusion.manifest import read_tracking_model
from workers.vehicle.tracking import Parameters, Tracker
from workers.vehicle.tracking.detections import Kind

Figures = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Drives:
    return Drives(write_folder(tmp_path_factory.mktemp("kitti")), "train")


def test_the_mean_error_of_an_edge_is_found(drives: Drives) -> None:
    values = sensor_values(collect(drives, Kind.IMAGE, 0))
    assert values["box_shift"] == pytest.approx((SHIFT_PX / WIDTH_PX, 0, 0, 0))


def test_high_scores_are_real_and_low_ones_are_not(drives: Drives) -> None:
    values = sensor_values(collect(drives, Kind.BOXES, 0))
    assert values["offset"] + 8.0 * values["slope"] > 2
    assert values["offset"] - 0.5 * values["slope"] < 0


def test_what_is_always_seen_again_is_expected_to_be(drives: Drives) -> None:
    observations = {name: each.observations() for name, each in drives.sequences.items()}
    fitted = fit_detecting(Tracker(Parameters()), drives, observations)
    real, clutter = fitted[Kind.BOXES, 0]["real"], fitted[Kind.BOXES, 0]["clutter"]
    assert real.base + real.again + real.ever > 2
    assert clutter.base < 0


def _scores(*hota: float) -> Figures:
    return {
        str(at): {"TP": 10, "FN": 0, "HOTA": value, "MOTA": value} for at, value in enumerate(hota)
    }


def test_a_gain_in_every_sequence_is_better() -> None:
    assert better(_scores(51, 52, 53), _scores(50, 50, 50))


def test_a_gain_in_one_sequence_alone_is_not() -> None:
    assert not better(_scores(50, 50, 90), _scores(50, 50, 50))


def test_sequences_count_by_their_objects() -> None:
    figures = _scores(0, 100)
    figures["1"]["TP"] = 30
    assert objective(figures) == 75


def test_a_change_is_of_one_class_alone() -> None:
    tried = changed(Parameters(), 1, "boxes.trust", 0.2)
    assert read(tried, 1, "boxes.trust") == pytest.approx(0.7)
    assert tried.values[0] == Parameters().values[0]


def test_a_fitted_model_is_read_as_it_was_saved(drives: Drives, tmp_path: Path) -> None:
    parameters, figures = fit(drives.root, "train", passes=0, note=lambda _: None)
    save(tmp_path / "drive", parameters, figures)
    model = read_tracking_model(tmp_path / "drive")
    assert model.parameters.values[0].image.slope == pytest.approx(
        parameters.values[0].image.slope, rel=1e-5
    )
    assert figures["train_car_mota"] == 100


def test_without_data_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="seqmap"):
        fit(tmp_path, "train", passes=0, note=lambda _: None)
