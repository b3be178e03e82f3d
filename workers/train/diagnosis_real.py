"""How the shipped weights of `diagnosis-real` were made: X-rays and notes of two open data sets.

``python -m workers.train.diagnosis_real CLINICAL OUT``, where CLINICAL has the folders
pneumoniamnist, mts_dialog and, for one more figure, nih_cxr_256.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from schemas.pipeline import Pipeline
from schemas.sample import Modality
from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.datasets import nih_cxr, pneumoniamnist
from workers.datasets.base import DataSet, Label, Split
from workers.datasets.files import nothing_of, read_table
from workers.datasets.making import START_US, sorted_labels, words
from workers.datasets.windows import LabelledWindows, label_windows
from workers.evaluation.metrics import auc
from workers.evaluation.predictions import Predictions
from workers.learned.file import LearnedManifest, Measured, Origin
from workers.learned.network import LearnedNetwork
from workers.learned.plan import ModelPlan
from workers.train.fitting import fit
from workers.train.plan import model_of, pipeline_of, read_train_plan
from workers.train.predict import predict
from workers.train.saving import save_trained
from workers.train.scores import scores_of
from workers.train.trained import TrainedModel

PLAN = Path(__file__).with_suffix(".yaml")
XRAY_TASK, NOTE_TASK = "pneumonia", "note_section"
_SECTIONS: tuple[tuple[str, Split], ...] = (
    ("MTS-Dialog-TrainingSet.csv", "train"),
    ("MTS-Dialog-ValidationSet.csv", "validation"),
    ("MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv", "test"),
)
#: Labels are true for what is new in the one window that begins to hold the sample.
_TRUE_US = 60 * US_PER_S


def x_rays(data: DataSet) -> DataSet:
    """Normal or pneumonia, as the input ``imaging`` and the task ``pneumonia`` of the pipeline."""
    labels = tuple("normal" if name == "no_finding" else name for name in data.tasks["finding"])
    of = dict(zip(data.tasks["finding"], labels, strict=True))
    items = data.items
    return replace(
        data,
        items=lambda: (replace(item, input="imaging", sensor="imaging") for item in items()),
        labels=[
            Label(one.session, one.start_us, one.start_us + _TRUE_US, XRAY_TASK, of[one.label])
            for one in data.labels
        ],
        tasks={XRAY_TASK: labels},
    )


def note_sections(folder: Path) -> DataSet:
    """The written sections of MTS-Dialog as notes, and which kind each is. Raises
    ``DataSetError``.
    """
    found: list[tuple[str, Split, str, str]] = []
    for name, split in _SECTIONS:
        if (folder / name).is_file():
            rows = read_table(folder / name, ["section_header", "section_text"])
            found += [
                (f"{split}-note-{at:04d}", split, row["section_text"], row["section_header"])
                for at, row in enumerate(rows)
                if row["section_text"] and row["section_header"]
            ]
    if not found:
        raise nothing_of(folder, "MTS-Dialog-TrainingSet.csv (section_header, section_text)")

    def items() -> Iterator[FeedItem]:
        return (words(key, "notes", "notes", START_US, said) for key, _, said, _ in found)

    return DataSet(
        "mts_dialog",
        items,
        sorted_labels(
            Label(key, START_US, START_US + _TRUE_US, NOTE_TASK, label.lower())
            for key, _, _, label in found
        ),
        {NOTE_TASK: tuple(sorted({label.lower() for *_, label in found}))},
        {key: key for key, *_ in found},
        "CC BY 4.0",
        True,
        "the written sections of MTS-Dialog (Ben Abacha et al. 2023)",
        {key: split for key, split, *_ in found},
    )


def together(one: DataSet, other: DataSet) -> DataSet:
    """Two data sets of different sessions and tasks as one, in which each session has the labels
    of its own.
    """

    def items() -> Iterator[FeedItem]:
        yield from one.items()
        yield from other.items()

    return replace(
        one,
        name=f"{one.name} and {other.name}",
        items=items,
        labels=sorted_labels([*one.labels, *other.labels]),
        tasks={**one.tasks, **other.tasks},
        groups={**one.groups, **other.groups},
        splits={**one.splits, **other.splits},
        licence=one.licence if one.licence == other.licence else f"{one.licence}; {other.licence}",
        redistributable=one.redistributable and other.redistributable,
        origin=f"{one.origin}; {other.origin}",
    )


def with_vital_signs(trained: TrainedModel) -> TrainedModel:
    """The trained network with vital signs as one more input, by which NEWS2 is answered; what it
    learnt, and says, stays the same.
    """
    described = trained.plan.model_dump(mode="json")
    described["encoders"]["vitals"] = {"kind": "news2"}
    described["rules"] = {"early_warning": {"kind": "news2", "input": "vitals"}}
    plan = ModelPlan.model_validate(described)
    assert plan.inputs[: len(trained.plan.inputs)] == trained.plan.inputs, "projections are counted"
    modality_of = {**trained.modality_of, "vitals": Modality.SERIES}
    network = LearnedNetwork(plan, modality_of)
    weights = network.state_dict()
    for name in weights:
        weights[name] = trained.network.state_dict().get(name, weights[name] * 0)
    network.load_state_dict(weights)
    return replace(trained, network=network.eval(), modality_of=modality_of)


def train(clinical: Path, out: Path) -> LearnedManifest:
    """Train and measure, and write the model to ``out``. Raises ``DataSetError``,
    ``TrainError``.
    """
    plan = read_train_plan(PLAN)
    pipeline = pipeline_of(plan, PLAN)
    data = together(
        x_rays(pneumoniamnist.load(clinical / "pneumoniamnist")),
        note_sections(clinical / "mts_dialog"),
    )
    windows = label_windows(data, _learnt(pipeline))
    trained = fit(
        windows.of_split("train"),
        None,
        model_of(plan, dict(windows.tasks), PLAN),
        plan.optimisation,
        seed=plan.seed,
    )
    metrics = {
        split: measured(trained, windows.of_split(split)) for split in ("validation", "test")
    }
    if (adults := clinical / "nih_cxr_256").is_dir():
        others = label_windows(x_rays(nih_cxr.load(adults)), _learnt(pipeline))
        metrics["nih_cxr"] = measured(trained, others)
    origin = Origin(
        data=data.origin,
        data_licence=data.licence,
        weights_licence=plan.about.weights_licence,
        command="python -m workers.train.diagnosis_real",
        seed=plan.seed,
        split="the data sets' own; nih_cxr (NIH ChestX-ray14, adults) is only measured on",
        use=list(plan.about.use),
        limits=list(plan.about.limits),
    )
    return save_trained(
        out,
        with_vital_signs(trained),
        name=plan.name,
        version=plan.version,
        pipeline=pipeline.pipeline,
        origin=origin,
        metrics=metrics,
    )


def measured(trained: TrainedModel, windows: LabelledWindows) -> dict[str, Measured]:
    """``task metric`` -> figure, over the windows that have a label of the task."""
    found: dict[str, float] = {}
    probabilities = predict(trained.model(), windows).probabilities
    for task in trained.plan.tasks:
        if task not in windows.tasks:
            continue
        truth = windows.indices(task)
        there = truth >= 0
        values, known = probabilities[task][there], truth[there]
        for metric, value in scores_of(values, known).items():
            found[f"{task} {metric}"] = value
        if task == XRAY_TASK:
            names = tuple(map(str, range(len(known))))
            times = np.zeros(len(known), np.int64)
            answers = Predictions(task, windows.tasks[task], names, names, times, known, values)
            found[f"{task} auc"] = float(auc(answers, np.ones((1, len(known))))[0])
    return {name: Measured(round(value, 4)) for name, value in found.items()}


def _learnt(pipeline: Pipeline) -> Pipeline:
    """The pipeline without the input that nothing is learnt of."""
    inputs = {name: spec for name, spec in pipeline.inputs.items() if name != "vitals"}
    return pipeline.model_copy(update={"inputs": inputs})


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
