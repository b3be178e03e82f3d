"""``python -m workers.train``: train one shipped model or all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.registry.layout import SHIPPED
from workers.train.scenes.run import DEFAULTS, train_pipeline


def main(
    pipeline: Annotated[str, typer.Option(help="call, vehicle, diagnosis or all")] = "all",
    out: Annotated[
        Path, typer.Option(help="a folder per pipeline is written into this one")
    ] = SHIPPED,
    seed: int = 1,
    sessions: Annotated[int | None, typer.Option(help="training sessions to render")] = None,
    seconds: Annotated[float | None, typer.Option(help="length of each session")] = None,
    epochs: int | None = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "cpu",
    fusion: Annotated[str, typer.Option(help="attention or sum")] = "attention",
) -> None:
    """Train fusion models on simulated scenes."""
    for name in sorted(DEFAULTS) if pipeline == "all" else [pipeline]:
        train_pipeline(
            name,
            out / name,
            seed=seed,
            sessions=sessions,
            seconds=seconds,
            epochs=epochs,
            device=device,
            fusion=fusion,
        )


if __name__ == "__main__":
    typer.run(main)
