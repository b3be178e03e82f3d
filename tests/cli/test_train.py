"""`sensorium train`: a plan and a data set in, a model's folder out, one line for an error."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.cli.conftest import Sensorium
from tests.train.worlds import a_data_set, a_pipeline
from workers.cli.failures import FAILED, INTERRUPTED, WRONG_USAGE
from workers.datasets.label_file import write_labels
from workers.learned.file import load_learned
from workers.offline.run import align_recording
from workers.registry.store import Registry

_WIDTHS = {"text": 6, "audio": 4, "video": 5}
MODEL = {
    "encoders": {name: {"kind": "vector"} for name in _WIDTHS},
    "fusion": {"form": "sum", "width": 8},
    "tasks": {"sentiment": {"loss": "balanced"}},
}
PLAN = {
    "name": "opinions",
    "data": {"set": "mosi"},
    "model": MODEL,
    "optimisation": {"epochs": 10, "batch_windows": 8, "learning_rate": 0.02},
    "split": {"validation": 0.25},
    "about": {"use": ["Tests."]},
}


@pytest.fixture
def opinions(tmp_path: Path) -> Path:
    """A folder of the layout of CMU-MOSI: 12 videos of 5 utterances, words tell the label."""
    folder = tmp_path / "mosi"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ["utterance_id,video_id,segment,split,label,text"]
    labels = rng.integers(0, 2, 60)
    for row, label in enumerate(labels):
        video, segment = divmod(row, 5)
        split = "test" if video >= 9 else "train"
        lines.append(f"v{video}_{segment},v{video},{segment},{split},{label},some words")
    (folder / "utterances.csv").write_text("\n".join(lines) + "\n")
    features = {
        name: rng.standard_normal((60, width)).astype(np.float32) for name, width in _WIDTHS.items()
    }
    features["text"][:, 0] += 8.0 * labels - 4.0
    np.savez(folder / "features.npz", **features)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN))
    return path


def test_a_plan_becomes_a_model_with_its_figures(
    sensorium: Sensorium, plan: Path, opinions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = sensorium("train", str(plan), "--data", str(opinions), "--out", str(out), "--json")
    assert done.status == 0, done.err
    told = json.loads(done.out)["trained"]
    assert told["windows"] == {"train": 35, "validation": 10, "test": 15}
    loaded = load_learned(out)
    assert loaded.manifest.metrics["test"]["sentiment accuracy"].value > 0.7
    assert loaded.manifest.training.data_licence.startswith("research use")
    card = (out / "MODEL_CARD.md").read_text()
    assert "does not allow these weights to be passed on" in card


def test_aligned_windows_with_a_file_of_labels_become_a_model(
    sensorium: Sensorium, tmp_path: Path
) -> None:
    data, pipeline = a_data_set(), a_pipeline()
    asyncio.run(align_recording(data.items(), pipeline, tmp_path / "windows"))
    write_labels(tmp_path / "labels.csv", data.labels)
    written = {
        **PLAN,
        "pipeline": pipeline.model_dump(mode="json"),
        "data": {
            "labels": "labels.csv",
            "path": "windows",
            "tasks": {"mood": ["low", "high"]},
            "licence": "CC0-1.0",
            "redistributable": True,
        },
        "model": {
            "encoders": {name: {"kind": "vector"} for name in ("text", "audio")},
            "fusion": {"form": "sum", "width": 8},
        },
        "split": {"validation": 0.25, "test": 0.25},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
    done = sensorium("train", str(tmp_path / "plan.yaml"), "--out", str(tmp_path / "out"), "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["trained"]["windows"] == {
        "train": 42, "validation": 12, "test": 18,
    }  # fmt: skip
    assert load_learned(tmp_path / "out").manifest.metrics["test"]["mood accuracy"].value > 0.7


def test_the_same_seed_gives_the_same_weights_resumed_or_not(
    sensorium: Sensorium, plan: Path, opinions: Path, tmp_path: Path
) -> None:
    data = ("--data", str(opinions))
    for name, more in (("a", ()), ("b", ("--epochs", "10"))):
        out = str(tmp_path / name)
        assert sensorium("train", str(plan), *data, "--out", out, *more).status == 0
    resumed = sensorium(
        "train", str(plan), *data, "--out", str(tmp_path / "c"), "--resume",
        "--checkpoints", str(tmp_path / "a.checkpoints"),
    )  # fmt: skip
    assert resumed.status == 0, resumed.err
    digests = {load_learned(tmp_path / name).manifest.sha256 for name in ("a", "b", "c")}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("epoch", "told"),
    [
        (0, "stopped before the first epoch was done: nothing is kept"),
        (3, "stopped; the same command with --resume goes on from"),
    ],
)
def test_ctrl_c_tells_how_to_go_on(
    sensorium: Sensorium,
    plan: Path,
    opinions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    epoch: int,
    told: str,
) -> None:
    seen = 0

    def step(self: object) -> None:
        nonlocal seen
        seen += 1
        if seen > epoch * -(-35 // 8):
            raise KeyboardInterrupt

    monkeypatch.setattr("workers.cli.training._Bars.step", step)
    done = sensorium("train", str(plan), "--data", str(opinions), "--out", str(tmp_path / "out"))
    assert done.status == INTERRUPTED
    assert told in done.complaint


def test_learning_curves_are_kept_and_drawn(
    sensorium: Sensorium, plan: Path, opinions: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    out, board = tmp_path / "out", tmp_path / "board"
    done = sensorium(
        "train", str(plan), "--data", str(opinions), "--out", str(out), "--tensorboard", str(board)
    )
    assert done.status == 0, done.err
    curves = json.loads((out / "training.json").read_text())
    assert [one["epoch"] for one in curves["epochs"]] == list(range(1, 11))
    assert set(curves["epochs"][0]["scores"]["sentiment"]) >= {"loss", "accuracy"}
    (events,) = board.iterdir()
    assert b"accuracy/sentiment" in events.read_bytes()


def test_the_folder_goes_into_the_registry(
    sensorium: Sensorium, plan: Path, opinions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    sensorium("train", str(plan), "--data", str(opinions), "--out", str(out))
    registry = Registry(tmp_path / "models")
    registry.add(out)
    assert registry.versions("opinions") == ["1"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"nmae": 1}, "nmae: unknown key (did you mean 'name'?)"),
        ({"optimisation": {"epochs": 0}}, "optimisation.epochs: expected a number above 0, got 0"),
        (
            {"optimisation": {"schedule": "cosine"}},
            "optimisation.schedule: expected keys and their values, got 'cosine'; write "
            "{kind: cosine}",
        ),
        (
            {"optimisation": {"schedule": {"kind": "cosine", "warmpu": 0.1}}},
            "optimisation.schedule.warmpu: unknown key (did you mean 'warmup'?)",
        ),
        ({"pipeline": 3}, "pipeline: expected text or keys and their values, got 3"),
        ({"data": {}}, "data.set: expected it for a data set, or labels for aligned windows, got"),
        (
            {"model": {"encoders": {"text": {"kind": "magic"}}}},
            "model.encoders.text.kind: expected one",
        ),
        ({"pipeline": {"pipeline": "x"}}, "pipeline.inputs: expected a value, got none"),
        (
            {"model": {**MODEL, "encoders": {"smell": {"kind": "vector"}}}},
            "plan.yaml: model.encoders.smell: expected an input of text, audio, video",
        ),
        (
            {"model": {**MODEL, "encoders": {"text": {"kind": "texture"}}}},
            "plan.yaml: model.encoders.text: expected image or video, got text",
        ),
        (
            {
                "model": {
                    **MODEL,
                    "fusion": {"form": "sum", "width": 10},
                    "context": {"kind": "attention", "steps": 2},
                }
            },
            "plan.yaml: model.context.heads: expected a divisor of the width 10, got 4",
        ),
    ],
)
def test_a_mistake_in_a_plan_is_one_line(
    sensorium: Sensorium,
    plan: Path,
    opinions: Path,
    tmp_path: Path,
    changed: dict[str, object],
    told: str,
) -> None:
    plan.write_text(yaml.safe_dump({**PLAN, **changed}))
    done = sensorium("train", str(plan), "--data", str(opinions), "--out", str(tmp_path / "out"))
    assert done.status == FAILED
    assert told in done.complaint
    assert not (tmp_path / "out").exists()


def test_a_plan_needs_a_folder_for_its_model(sensorium: Sensorium, plan: Path) -> None:
    done = sensorium("train", str(plan))
    assert done.status == WRONG_USAGE
    assert "--out" in done.complaint


def test_options_of_scenes_are_refused_with_a_plan(sensorium: Sensorium, plan: Path) -> None:
    done = sensorium("train", str(plan), "--out", "x", "--sessions", "2")
    assert done.status == WRONG_USAGE
    assert "--sessions" in done.complaint


def test_options_of_plans_are_refused_without_one(sensorium: Sensorium) -> None:
    done = sensorium("train", "--data", "x")
    assert done.status == WRONG_USAGE
    assert "--data" in done.complaint


def test_a_plan_that_is_not_there_is_one_line(sensorium: Sensorium, tmp_path: Path) -> None:
    done = sensorium("train", str(tmp_path / "none.yaml"), "--out", "x")
    assert done.status == FAILED
    assert "expected a plan" in done.complaint


def test_a_key_that_a_plan_gives_twice_is_refused(
    sensorium: Sensorium, plan: Path, opinions: Path, tmp_path: Path
) -> None:
    plan.write_text(plan.read_text() + "\nseed: 2\nseed: 3\n")
    done = sensorium("train", str(plan), "--data", str(opinions), "--out", str(tmp_path / "out"))
    assert "seed: the key is given twice" in done.complaint
