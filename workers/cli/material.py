"""What `feed` and `align` are given to play: files, recorded topics, or a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.data_sets import read_playable
from workers.cli.failures import WrongUsage
from workers.cli.recorded import is_mcap, read_recorded
from workers.cli.recordings import read_plan

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from streams.feed.playable import Playable
    from streams.feed.track import ReadOptions

PlayedPipelineOption = Annotated[
    str | None,
    typer.Option(
        "--pipeline",
        "-p",
        metavar="NAME|FILE",
        help="A shipped pipeline, or a pipeline file. Default: the one that the data set is for.",
    ),
]


def read_material(
    sources: list[str] | None,
    pipeline: str | None,
    *,
    dataset: str | None,
    data: Path | None,
    options: list[str] | None,
    split: str | None,
    now_us: int,
    session: str,
    sessions: int,
    apart: float,
    start: str | None,
    start_of_files: str,
    start_of_recorded: str,
    read: ReadOptions,
) -> tuple[Pipeline, Playable]:
    """The pipeline and what is played into it. ``start_of_files``, ``start_of_recorded``: where no
    ``start`` is named; data sets and recorded topics have times of their own. Raises
    ``WrongUsage``, ``PipelineFileError`` or ``DataSetError``.
    """
    from schemas.pipeline_file import load_pipeline
    from streams.feed.playable import playable_plan

    if dataset is not None:
        from workers.datasets.catalog import pipeline_file

        if sources:
            raise WrongUsage("--dataset: expected it or files, got both")
        if sessions != 1 or apart:
            raise WrongUsage("--sessions, --apart: a data set has its own sessions; leave them out")
        spec = load_pipeline(pipeline or str(pipeline_file(dataset)))
        played = read_playable(
            dataset,
            data,
            options,
            split,
            spec,
            start=start or start_of_recorded,
            now_us=now_us,
        )
        return spec, played
    for name, value in (("--data", data), ("--with", options), ("--split", split)):
        if value:
            raise WrongUsage(f"{name}: expected --dataset beside it, got none")
    if pipeline is None:
        raise WrongUsage("--pipeline: expected a pipeline for these files, got none")
    if not sources:
        raise WrongUsage("expected at least one SOURCE or a --dataset, got none")
    spec = load_pipeline(pipeline)
    if any(is_mcap(source) for source in sources):
        recorded = read_recorded(
            sources,
            spec,
            now_us=now_us,
            start=start or start_of_recorded,
            alone=sessions == 1 and not apart,
        )
        if recorded is not None:
            return spec, recorded
    plan = read_plan(
        sources,
        spec,
        now_us=now_us,
        session=session,
        sessions=sessions,
        apart=apart,
        start=start or start_of_files,
        options=read,
    )
    return spec, playable_plan(plan)
