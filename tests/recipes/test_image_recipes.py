"""The recipes of X-rays and lung ultrasound, on small files made for it."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.recipes.fakes import Quiet
from workers.datasets import pocus
from workers.recipes.base import Evaluation, Options
from workers.recipes.catalog import find_recipe

RNG = np.random.default_rng(9)
CLASSES = ("healthy", "bacterial_pneumonia", "covid")
NOTES = {
    "healthy": "A-lines, lung sliding",
    "bacterial_pneumonia": "hepatization with air bronchograms",
    "covid": "patchy B-lines, pleural thickening",
}


def picture(label: str) -> np.ndarray:
    """Noise of a coarseness that goes with the class."""
    side = {"healthy": 16, "bacterial_pneumonia": 48, "covid": 96}[label]
    noise = RNG.integers(0, 256, (side, side), np.uint8)
    return np.asarray(cv2.resize(noise, (120, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


def clips(folder: Path, first: int = 0) -> Path:
    """Twelve stills of twelve patients; every fourth is without a note."""
    (folder / "media").mkdir(parents=True)
    with (folder / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "patient", "label", "License", "Comments from web site"])
        for at in range(first, first + 12):
            label = CLASSES[at % 3]
            name = f"media/clip{at}.png"
            cv2.imwrite(str(folder / name), picture(label))
            note = "" if at % 4 == 3 else NOTES[label]
            rows.writerow([name, f"P{at}", label, "CC BY 4.0", note])
    return folder


def x_rays(path: Path, **counts: int) -> Path:
    """Images of which half have a bright patch."""
    arrays = {}
    for part, count in counts.items():
        images = RNG.integers(60, 120, (count, 28, 28), np.uint8)
        labels = np.arange(count) % 2
        images[labels == 1, 8:20, 8:20] += 100
        arrays |= {f"{part}_images": images, f"{part}_labels": labels.astype(np.uint8)[:, None]}
    np.savez(path, **arrays)
    return path


def values(found: Evaluation) -> dict[str, float]:
    return {figure.name: figure.value for figure in found.figures}


@pytest.fixture(scope="module")
def ultrasound(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = clips(tmp_path_factory.mktemp("pocus") / "clips")
    return find_recipe("pocus").run(folder, None, Options(seeds=1, folds=2), Quiet())


def test_ultrasound_is_judged_with_image_and_notes_alone_and_together(
    ultrasound: Evaluation,
) -> None:
    names = values(ultrasound).keys()
    for alone in ("ultrasound alone", "notes alone", "notes unmasked"):
        assert any(name.startswith(alone) for name in names), alone
    assert any(name.startswith("fused less") for name in names)
    assert len(ultrasound.predictions["seed 1"]) == 12


def test_with_one_input_absent_the_fused_model_is_the_model_of_the_other(
    ultrasound: Evaluation,
) -> None:
    lost = [value for name, value in values(ultrasound).items() if name.startswith("without ")]
    assert lost == [0.0, 0.0]


def test_ultrasound_of_other_patients_is_judged_by_a_model_of_all_clips(tmp_path: Path) -> None:
    data, test = clips(tmp_path / "data"), clips(tmp_path / "test", first=12)
    found = find_recipe("pocus").run(data, test, Options(quick=True), Quiet())
    assert len(found.predictions["seed 1"]) == 12
    assert "judged on those of --test" in found.split


def test_x_rays_are_judged_on_the_test_part_of_the_file(tmp_path: Path) -> None:
    data = x_rays(tmp_path / "pneumoniamnist.npz", train=48, val=8, test=10)
    found = find_recipe("pneumoniamnist").run(data, None, Options(seeds=1, quick=True), Quiet())
    assert len(found.predictions["seed 1"]) == 10
    assert {figure.goal for figure in found.figures if figure.goal} == {0.96, 0.88}


def test_x_rays_of_another_file_take_the_place_of_the_test_part(tmp_path: Path) -> None:
    data = x_rays(tmp_path / "pneumoniamnist.npz", train=48, val=8, test=10)
    test = x_rays(tmp_path / "other.npz", test=6)
    found = find_recipe("pneumoniamnist").run(data, test, Options(seeds=1, quick=True), Quiet())
    assert len(found.predictions["seed 1"]) == 6


def test_a_note_that_says_nothing_but_the_diagnosis_is_not_given(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    (folder / "media").mkdir(parents=True)
    lines = ["file,patient,label,License,Comments from web site"]
    for at, note in enumerate(("Normal lung", "Bacterial pneumonia", "Normal lung with A-lines")):
        cv2.imwrite(str(folder / f"media/{at}.png"), picture("healthy"))
        lines.append(f"media/{at}.png,P{at},healthy,CC BY 4.0,{note}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    said = [item.payload.decode() for item in pocus.load(folder).items() if item.input == "notes"]
    assert said == ["[…] lung with A-lines"]
