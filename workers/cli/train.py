"""`sensorium train`: a fusion model from simulated scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.cli.failures import WrongUsage
from workers.cli.options import example
from workers.cli.output import print_text

EXAMPLE = example(
    "sensorium train --pipeline call",
    "sensorium train --pipeline call --out models/ --sessions 8 --epochs 2",
)


def train(
    pipeline: Annotated[
        list[str] | None,
        typer.Option("--pipeline", "-p", help="A scene's name; may be repeated. Default: all."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A folder per model goes here. Default: the package's."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same weights.")] = 1,
    sessions: Annotated[int | None, typer.Option(min=1, help="Sessions to render.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Length of each session.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.")] = None,
    device: Annotated[str, typer.Option(metavar="cpu|cuda|auto", help="Where to train.")] = "cpu",
    fusion: Annotated[
        str, typer.Option(metavar="attention|sum", help="How modalities are fused.")
    ] = "attention",
) -> None:
    """Train fusion models. On simulated scenes, through the same aligner that serves.

    Without options it makes the shipped models again.
    """
    from workers.registry.layout import SHIPPED
    from workers.train.scenes.run import DEFAULTS, train_pipeline

    names = list(pipeline or sorted(DEFAULTS))
    for name in names:
        if name not in DEFAULTS:
            raise WrongUsage(f"--pipeline: expected one of {', '.join(DEFAULTS)}, got {name!r}")
    for name in names:
        folder = (out or SHIPPED) / name
        train_pipeline(
            name,
            folder,
            seed=seed,
            sessions=sessions,
            seconds=seconds,
            epochs=epochs,
            device=device,
            fusion=fusion,
        )
        print_text(str(folder))
