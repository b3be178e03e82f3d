"""`sensorium evaluate`: what a model is worth on data that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WorkFailed, WrongUsage
from workers.cli.options import JsonOption, example, mute_clients

if TYPE_CHECKING:
    from workers.recipes.base import Evaluation, Options, Progress

EXAMPLE = example(
    "sensorium evaluate --recipe mosi --data data/calls/mosi",
    "sensorium evaluate --recipe pocus --data data/clinical/pocus_lung_ultrasound --stream "
    "--report pocus.html",
    "sensorium evaluate --recipe banking77 --data data/calls/banking77 --quick --json",
)


def evaluate(
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    *,
    data: Annotated[
        Path, typer.Option("--data", metavar="PATH", help="The data set's folder or file.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", "-r", metavar="NAME", help="A published claim, measured again."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A test set of the same layout that is kept elsewhere."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Trainings, from seed 1 on. Default: the recipe's.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Folds, by group. Default: the recipe's.")
    ] = None,
    sequences: Annotated[
        list[str] | None,
        typer.Option("--sequences", metavar="NAME ...", help="Recordings to judge."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--inputs", metavar="NAME ...", help="Train and judge with these only."),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream", help="Hold every answer against a worker's behind a broker and Redis."
        ),
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="The claimed figures only: no fewer inputs, variants, disturbances."
        ),
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the trained models here.")
    ] = None,
    reuse: Annotated[
        bool,
        typer.Option(
            "--reuse", help="Take models of --keep that were trained on the same data, unchecked."
        ),
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report with plots: one HTML file.")
    ] = None,
    examples: Annotated[
        bool,
        typer.Option(
            "--examples", help="Show samples of your data in the report, right and wrong."
        ),
    ] = False,
    device: Annotated[str, typer.Option(metavar="cpu|cuda|auto", help="Where to train.")] = "cpu",
    json: JsonOption = False,
) -> None:
    """Judge a model on data that it has not seen. Trains where needed, and says what is claimed.

    Figures come with their deviation over seeds, an interval, and where the split comes from.
    """
    mute_clients()
    from workers.cli.evaluating import progress_bars, show
    from workers.recipes.base import Options

    if recipe is None:
        raise WrongUsage("expected --recipe NAME, got none of it; see `sensorium evaluate --help`")
    if reuse and keep is None:
        raise WrongUsage("--reuse: expected --keep FOLDER with it, got none")
    if examples and report is None:
        raise WrongUsage("--examples: expected --report FILE with it, got none")
    if device not in ("cpu", "cuda", "auto"):
        raise WrongUsage(f"--device: expected cpu, cuda or auto, got {device[:40]!r}")
    if report is not None:
        from workers.evaluation.extra import need_matplotlib

        need_matplotlib()
    options = Options(
        seeds=seeds,
        folds=folds,
        sequences=_parted(sequences),
        inputs=_parted(inputs),
        stream=stream,
        keep=keep,
        reuse=reuse,
        quick=quick,
        device=device,
    )
    with progress_bars(shown=not json) as progress:
        found = _measure(recipe, data, test, options, progress)
    show(found, json=json)
    if report is not None:
        from workers.evaluation.report.page import write_report

        write_report(report, found, examples=examples)
    _demand_equality(found)


def _measure(
    recipe: str, data: Path, test: Path | None, options: Options, progress: Progress
) -> Evaluation:
    from workers.recipes.catalog import find_recipe

    return find_recipe(recipe).run(data, test, options, progress)


def _parted(values: list[str] | None) -> tuple[str, ...]:
    """Values that may be repeated, or listed with commas."""
    return tuple(part for value in values or () for part in value.split(",") if part)


def _demand_equality(found: Evaluation) -> None:
    unequal = [one for one in found.stream if not one.flawless]
    if unequal:
        worst = unequal[0]
        raise WorkFailed(
            f"expected the stream's answers to be the offline ones, got {len(unequal)} of "
            f"{len(found.stream)} models that differ; {worst.model}: {worst.equal} of "
            f"{worst.items} items equal, {worst.missing} missing, {worst.doubled} doubled, "
            f"{worst.unequal} unequal, {worst.unexpected} unexpected"
        )
