"""One training run, from scenes to a model folder."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from streams.scenes.base import Scene
from streams.scenes.catalog import SCENES, make_scene
from workers.codecs.forms import INPUT_FORMS
from workers.device import resolve_device
from workers.errors import TrainError
from workers.fusion.network import FORMS, Network
from workers.model_file import (
    ARCHITECTURE,
    CARD_FILE,
    Manifest,
    Training,
    save_model,
)
from workers.train.repeatable import reproducible
from workers.train.scenes.batches import modalities_of
from workers.train.scenes.card import render_card
from workers.train.scenes.evaluate import Evaluation, encode_recording, evaluate
from workers.train.scenes.loop import Recipe, fit
from workers.train.scenes.recording import Recording, join, record

#: A multiple of every window size up to an hour, so that windows begin where scenes do.
START_US = 1_700_002_800 * 1_000_000
#: Seeds of the other scenes lie this far from the training seed.
_HELD_OUT, _TEST, _PARTIAL = 1_000_003, 2_000_003, 3_000_017
VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is rendered and how long is trained for one pipeline.

    ``partial``: for each session of a training scene, this many more that lack the inputs named
    by ``without``, which makes them cheap; words vary more than a few sessions can show.
    """

    sessions: int
    seconds: float
    epochs: int
    partial: int = 0
    without: tuple[str, ...] = ()


#: Enough for 97 % of unseen windows, within four minutes on two cores.
DEFAULTS: Mapping[str, Scale] = {
    "call": Scale(sessions=80, seconds=24, epochs=10, partial=3, without=("audio", "video")),
    "vehicle": Scale(sessions=40, seconds=20, epochs=10),
    "diagnosis": Scale(sessions=40, seconds=1800, epochs=12),
}


@dataclass(frozen=True, slots=True)
class _Data:
    training: Recording
    held_out: Recording
    test: Recording


def _render(pipeline: Pipeline, scale: Scale, seed: int, progress: Progress) -> _Data:
    def scene(name: str, offset: int, sessions: int, without: tuple[str, ...] = ()) -> Recording:
        task = progress.add_task(f"render {name} scenes", total=None)

        def make(left_out: Collection[str]) -> Scene:
            return make_scene(
                pipeline.pipeline,
                sessions=sessions,
                seconds=scale.seconds,
                seed=seed + offset,
                start_us=START_US,
                without=left_out,
            )

        here = {n: spec.modality for n, spec in pipeline.inputs.items() if n not in without}
        alone = {
            modality: make([n for n in pipeline.inputs if here.get(n) is not modality])
            for modality in set(here.values())
        }
        recording = record(pipeline, make(without), alone)
        done = len(recording.windows)
        progress.update(
            task, total=done, completed=done, description=f"{name} scenes: {done} windows"
        )
        return recording

    training = scene("training", 0, scale.sessions)
    if scale.partial:
        more = scene("partial", _PARTIAL, scale.partial * scale.sessions, scale.without)
        training = join([training, more])
    fewer = max(2, scale.sessions // 4)
    return _Data(training, scene("held-out", _HELD_OUT, fewer), scene("test", _TEST, fewer))


def _metrics(network: Network, data: _Data, device_name: str) -> dict[str, float]:
    device = resolve_device(device_name)
    features = encode_recording(network, data.test, device)
    groups = {"all": evaluate(network, data.test, features, device)}
    for modality in modalities_of(data.test):
        groups[f"without_{modality.value}"] = evaluate(
            network, data.test, features, device, without=[modality]
        )
    metrics: dict[str, float] = {}
    for group, found in groups.items():
        metrics[f"{group}/windows"] = round(found.windows, 4)
        metrics |= {f"{group}/{task}": round(v, 4) for task, v in found.tasks.items()}
    return metrics


def train_pipeline(
    pipeline_name: str,
    out_dir: Path | str,
    *,
    seed: int = 1,
    sessions: int | None = None,
    seconds: float | None = None,
    epochs: int | None = None,
    device: str = "cpu",
    fusion: str = "attention",
    console: Console | None = None,
) -> Manifest:
    """Train a model on simulated scenes and write model.json, weights and card into ``out_dir``.

    ``sessions`` and ``seconds`` size the training scene; held-out and test scenes have a quarter
    of the sessions. What is ``None`` comes from ``DEFAULTS``. The same arguments give the same
    weights on the same machine and torch. Raises ``TrainError`` for an unknown pipeline or fusion
    or a scene that cannot be learnt from, and ``DeviceError``.
    """
    if pipeline_name not in SCENES or pipeline_name not in DEFAULTS:
        raise TrainError(f"pipeline: expected one of {sorted(DEFAULTS)}, got {pipeline_name!r}")
    if fusion not in FORMS:
        raise TrainError(f"fusion: expected one of {sorted(FORMS)}, got {fusion!r}")
    default = DEFAULTS[pipeline_name]
    scale = replace(
        default,
        sessions=sessions or default.sessions,
        seconds=seconds or default.seconds,
        epochs=epochs or default.epochs,
    )
    target = resolve_device(device)
    pipeline = load_pipeline(pipeline_name)
    recipe = replace(Recipe(), epochs=scale.epochs)
    tasks = {task: list(labels) for task, labels in SCENES[pipeline_name].tasks.items()}
    shown = console or Console(stderr=True)
    with reproducible(seed), Progress(console=shown) as progress:
        data = _render(pipeline, scale, seed, progress)
        network = Network(modalities_of(data.training), tasks, fusion).to(target)
        per_epoch = math.ceil(len(data.training.windows) / recipe.batch_windows)
        bar = progress.add_task("train", total=per_epoch * recipe.epochs)

        def on_epoch(epoch: int, loss: float, found: Evaluation) -> None:
            each = ", ".join(f"{task} {share:.3f}" for task, share in found.tasks.items())
            shown.print(f"epoch {epoch}: loss {loss:.3f}, windows {found.windows:.3f} ({each})")

        fit(
            network,
            data.training,
            data.held_out,
            recipe,
            seed=seed,
            device=target,
            on_step=lambda: progress.advance(bar),
            on_epoch=on_epoch,
        )
        metrics = _metrics(network, data, device)
    manifest = Manifest(
        name=pipeline_name,
        version=VERSION,
        pipeline=pipeline_name,
        architecture=ARCHITECTURE,
        inputs=[INPUT_FORMS[modality] for modality in modalities_of(data.training)],
        tasks=tasks,
        fusion=fusion,
        training=Training(
            data=f"simulated scenes of the {pipeline_name!r} pipeline, made by this package",
            data_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            command=_command(pipeline_name, seed, scale, fusion),
            seed=seed,
            hyper_parameters=_hyper_parameters(recipe, scale, data),
        ),
        metrics=metrics,
        sha256="",
    )
    written = save_model(Path(out_dir), network, manifest)
    parameters = sum(weight.numel() for weight in network.parameters())
    (Path(out_dir) / CARD_FILE).write_text(render_card(written, parameters), encoding="utf-8")
    shown.print(f"{out_dir}: {written.metrics['all/windows']:.1%} of unseen windows right")
    return written


def _command(pipeline_name: str, seed: int, scale: Scale, fusion: str) -> str:
    return (
        f"python -m workers.train --pipeline {pipeline_name} --seed {seed} "
        f"--sessions {scale.sessions} --seconds {scale.seconds:g} --epochs {scale.epochs} "
        f"--fusion {fusion}"
    )


def _hyper_parameters(recipe: Recipe, scale: Scale, data: _Data) -> dict[str, float | int | str]:
    return {
        "sessions": scale.sessions,
        "seconds_per_session": scale.seconds,
        "partial_sessions": scale.partial * scale.sessions,
        "training_windows": len(data.training.windows),
        "held_out_windows": len(data.held_out.windows),
        "test_windows": len(data.test.windows),
        "epochs_at_most": recipe.epochs,
        "batch_windows": recipe.batch_windows,
        "optimizer": "AdamW, cosine schedule",
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "label_smoothing": recipe.objective.label_smoothing,
        "loss_weight_alone": recipe.objective.alone,
        "loss_weight_unknown": recipe.objective.unknown,
        "modality_dropout": recipe.dropout.modality,
        "sensor_dropout": recipe.dropout.sensor,
        "samples_per_sensor_and_step": recipe.dropout.samples_per_sensor,
    }
