"""`sensorium train`: a model by a plan, or the shipped ones from simulated scenes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from workers.cli.failures import WrongUsage
from workers.cli.options import JsonOption, example
from workers.cli.output import print_text

EXAMPLE = example(
    "sensorium train plan.yaml --data ../recordings --out models/mine",
    "sensorium train plan.yaml --data ../recordings --out models/mine --resume",
    "sensorium train --pipeline call --out models/ --sessions 8 --epochs 2",
)


def train(
    plan: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="YAML of pipeline, data, model and optimisation."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where the plan's data lies.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The model goes here; of scenes, a folder per model (default: the package's).",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint.")
    ] = False,
    checkpoints: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="One after every epoch. Default: beside the model."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep what encoders that are not trained make."),
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write TensorBoard event files.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed gives the same weights.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.")] = None,
    device: Annotated[
        str | None, typer.Option(metavar="cpu|cuda|auto", help="Where to train.")
    ] = None,
    pipeline: Annotated[
        list[str] | None,
        typer.Option("--pipeline", "-p", help="A scene's name; may be repeated. Default: all."),
    ] = None,
    sessions: Annotated[int | None, typer.Option(min=1, help="Scenes: sessions to render.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Scenes: length of each session.")] = None,
    fusion: Annotated[
        str | None, typer.Option(metavar="attention|sum", help="Scenes: how modalities are fused.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train fusion models. By a plan from labelled recordings, or on simulated scenes.

    Either goes through the same aligner that serves. Without arguments the shipped models of
    simulated scenes are made again.
    """
    from workers.cli.training import train_plan, train_scenes

    if plan is not None:
        given: dict[str, object] = {
            "--pipeline": pipeline,
            "--sessions": sessions,
            "--seconds": seconds,
        }
        given["--fusion"] = fusion
        _refuse(given, "where a plan is named: it says so itself")
        if out is None:
            raise WrongUsage("--out: expected the folder that the model goes to")
        changed = {"seed": seed, "epochs": epochs, "device": device}
        folders = {"checkpoints": checkpoints, "cache": cache, "tensorboard": tensorboard}
        train_plan(plan, data, out, changed, folders, resume=resume, json=json)
        return
    folders = {"--data": data, "--checkpoints": checkpoints, "--cache": cache}
    _refuse(folders | {"--tensorboard": tensorboard}, "without a plan")
    _refuse({"--resume": resume or None}, "without a plan")
    for folder in train_scenes(
        pipeline,
        out,
        seed=1 if seed is None else seed,
        sessions=sessions,
        seconds=seconds,
        epochs=epochs,
        device=device or "cpu",
        fusion=fusion or "attention",
    ):
        print_text(str(folder))


def _refuse(given: Mapping[str, object], when: str) -> None:
    for name, value in given.items():
        if value is not None:
            raise WrongUsage(f"{name}: not expected {when}")
