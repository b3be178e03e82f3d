"""`sensorium evaluate`: what a model is worth on data that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WorkFailed, WrongUsage
from workers.cli.options import JsonOption, example, mute_clients
from workers.cli.subject import Subject

if TYPE_CHECKING:
    from workers.recipes.base import Evaluation

EXAMPLE = example(
    "sensorium evaluate --recipe mosi --data data/calls/mosi",
    "sensorium evaluate --recipe pocus --data data/clinical/pocus_lung_ultrasound --stream "
    "--report pocus.html",
    "sensorium evaluate --model models/mood --dataset mosi --data data/calls/mosi",
    "sensorium evaluate --plan mood.yaml --data data/calls/mosi --folds 5 --group group",
    "sensorium evaluate --results run.jsonl --labels labels.csv",
    "sensorium evaluate --recipe banking77 --data data/calls/banking77 --quick --json",
)


def evaluate(
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    *,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The data set's folder or file.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", "-r", metavar="NAME", help="A published claim, measured again."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A trained model, judged as it is.")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A plan as sensorium train takes it, cross-validated."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="group|session|one-group",
            help="What a fold of --plan keeps together: the data set's groups (speaker, patient), "
            "or sessions; one-group leaves each group out once.",
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What --model is judged on; see sensorium datasets."),
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            "-p",
            metavar="NAME|FILE",
            help="For --model and --results. Default: the data set's, or the shipped one of the "
            "results.",
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="NAME", help="For --plan, --model and --results.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="train|validation|test", help="Part of the data, for --model."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What a run published, as sensorium results --json prints it."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What --results is held against; CSV or JSON lines."),
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
    device: Annotated[
        str,
        typer.Option(
            metavar="cpu|cuda|auto",
            help="Where models answer; where they are trained, the plan says.",
        ),
    ] = "cpu",
    json: JsonOption = False,
) -> None:
    """Judge a model on data that it has not seen. Trains where needed, and says what is claimed.

    Figures come with their deviation over seeds, an interval, and where the split comes from.
    """
    mute_clients()
    from workers.cli.evaluating import progress_bars, show
    from workers.recipes.base import Options

    subject = Subject(
        recipe=recipe,
        plan=plan,
        model=model,
        results=results,
        data=data,
        test=test,
        labels=labels,
        dataset=dataset,
        pipeline=pipeline,
        task=task,
        split=split,
        group=group,
    )
    subject.check()
    if more and not (sequences or inputs):
        raise WrongUsage(f"expected options, got {more[0][:40]!r}")
    if reuse and keep is None:
        raise WrongUsage("--reuse: expected --keep FOLDER with it, got none")
    if examples and report is None:
        raise WrongUsage("--examples: expected --report FILE with it, got none")
    if device not in ("cpu", "cuda", "auto"):
        raise WrongUsage(f"--device: expected cpu, cuda or auto, got {device[:40]!r}")
    if report is not None:
        _check_report(report)
    options = Options(
        seeds=seeds,
        folds=folds,
        sequences=_parted(sequences, more if sequences else None),
        inputs=_parted(inputs, more if inputs and not sequences else None),
        stream=stream,
        keep=keep,
        reuse=reuse,
        quick=quick,
        device=device,
    )
    subject.check_options(options)
    with progress_bars(shown=not json) as progress:
        found = subject.judge(options, progress)
    show(found, json=json)
    if report is not None:
        from workers.evaluation.report.page import write_report

        write_report(report, found, examples=examples)
    _demand_equality(found)


def _check_report(path: Path) -> None:
    """Before the hours of training, not after."""
    from workers.evaluation.extra import need_matplotlib

    need_matplotlib()
    if path.is_dir() or not path.parent.is_dir():
        raise WrongUsage(f"--report: expected a file in a folder that is there, got {path}")


def _parted(values: list[str] | None, more: list[str] | None) -> tuple[str, ...]:
    """Values that are repeated, listed with commas, or that follow the option one by one."""
    given = (*(values or ()), *(more or ()))
    return tuple(part for value in given for part in value.split(",") if part)


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
