"""What `sensorium train` does, with progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.cli.failures import WrongUsage, complain
from workers.cli.output import is_terminal, print_json, print_table, print_text

if TYPE_CHECKING:
    from rich.progress import Progress

    from workers.train.by_plan import Trained
    from workers.train.checkpoint import Epoch
    from workers.train.plan import TrainPlan


def train_plan(
    path: Path,
    data: Path | None,
    out: Path,
    changed: Mapping[str, Any],
    folders: Mapping[str, Path | None],
    *,
    resume: bool,
    json: bool,
) -> None:
    """Train by a plan and print what came of it. ``changed``: seed, epochs and device, where they
    are not the plan's; ``folders``: checkpoints, cache and tensorboard.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from workers.train.by_plan import RunOptions, train_by_plan
    from workers.train.observing import Several, TensorBoard
    from workers.train.plan import read_train_plan

    plan = _with(read_train_plan(path), changed)
    checkpoints = folders["checkpoints"] or out.with_name(f"{out.name}.checkpoints")
    options = RunOptions(
        checkpoints=checkpoints,
        resume=resume,
        cache=folders["cache"],
    )
    with ExitStack() as stack:
        bars = stack.enter_context(
            Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
                disable=not is_terminal(sys.stderr),
            )
        )
        observers: list[Any] = [_Bars(bars)]
        if folders["tensorboard"] is not None:
            observers.append(stack.enter_context(closing(TensorBoard(folders["tensorboard"]))))
        try:
            found = train_by_plan(plan, path, data, out, options, Several(observers))
        except KeyboardInterrupt:
            bars.stop()
            complain(_stopped(checkpoints))
            raise
    if json:
        print_json({"folder": str(out), "trained": found})
    else:
        _show(out, found)


def _stopped(checkpoints: Path) -> str:
    from workers.train.checkpoint import has_checkpoint

    if has_checkpoint(checkpoints):
        return f"stopped; the same command with --resume goes on from {checkpoints}"
    return "stopped before the first epoch was done: nothing is kept"


def _with(plan: TrainPlan, changed: Mapping[str, Any]) -> TrainPlan:
    epochs, device = changed["epochs"], changed["device"]
    if device not in (None, "cpu", "cuda", "auto"):
        raise WrongUsage(f"--device: expected cpu, cuda or auto, got {device[:40]!r}")
    update = {key: changed[key] for key in ("seed", "device") if changed[key] is not None}
    if epochs is not None:
        update["optimisation"] = plan.optimisation.model_copy(update={"epochs": epochs})
    return plan.model_copy(update=update)


class _Bars:
    """Shows steps, and of the epoch before loss and deciding score."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("windows", total=None)

    def begun(self, epochs: int, steps_per_epoch: int) -> None:
        self._bars.update(self._task, total=epochs * steps_per_epoch, description="training")

    def step(self) -> None:
        self._bars.advance(self._task)

    def epoch(self, found: Epoch) -> None:
        score = "" if found.score is None else f", score {found.score:.4f}"
        told = f"epoch {found.epoch}: loss {found.loss:.4f}{score}"
        self._bars.update(self._task, description=told)


def _show(out: Path, found: Trained) -> None:
    counts = ", ".join(f"{count} {split}" for split, count in found.windows.items() if count)
    print_text(f"{out}: epoch {found.kept_epoch} of {found.epochs} kept; windows: {counts}")
    print_table(
        ["split", "figure", "value"],
        [
            [split, name, f"{one.value:.4f}"]
            for split, figures in found.manifest.metrics.items()
            for name, one in figures.items()
        ],
    )


def train_scenes(
    pipelines: list[str] | None,
    out: Path | None,
    *,
    seed: int,
    sessions: int | None,
    seconds: float | None,
    epochs: int | None,
    device: str,
    fusion: str,
) -> Iterator[Path]:
    """Train the models of simulated scenes; the folder of each as it is done."""
    from workers.registry.layout import SHIPPED
    from workers.train.scenes.run import DEFAULTS, train_pipeline

    names = list(pipelines or sorted(DEFAULTS))
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
        yield folder
