"""What `datasets`, `feed` and `align` share: a data set as the command line names it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.failures import WrongUsage

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from streams.feed.playable import Playable
    from workers.datasets.base import DataSet

DataSetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset", metavar="NAME", help="A data set instead of files; see `sensorium datasets`."
    ),
]
DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="PATH", help="Folder or file of the data set.")
]
WithOption = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="KEY=VALUE", help="How the data set is read; may be repeated."),
]
SplitOption = Annotated[
    str | None,
    typer.Option("--split", help="Only this part of its split: train, validation, test."),
]


def load_data_set(name: str, path: Path | None, options: list[str] | None) -> DataSet:
    """Read a data set. Raises ``WrongUsage`` for options, ``DataSetError`` for its files."""
    from workers.datasets.catalog import names, open_data_set

    if name not in names():
        raise WrongUsage(f"data set: expected one of {', '.join(names())}, got {name[:40]!r}")
    if path is None:
        raise WrongUsage("--data: expected the folder of the data set, got none")
    pairs = [option.partition("=") for option in options or ()]
    for key, equals, value in pairs:
        if not (key and equals and value):
            raise WrongUsage(f"--with: expected KEY=VALUE, got {key[:40]!r}")
    return open_data_set(name, path, {key: value for key, _, value in pairs})


def read_playable(
    name: str,
    path: Path | None,
    options: list[str] | None,
    split: str | None,
    pipeline: Pipeline,
    *,
    start: str,
    now_us: int,
) -> Playable:
    """A data set, or one part of it, to be played. Raises ``WrongUsage`` or ``DataSetError``."""
    from streams.feed.playable import Playable, shift_to, shifted
    from workers.cli.failures import as_wrong_usage

    data = load_data_set(name, path, options)
    chosen = frozenset(
        session for session in data.groups if split is None or data.splits.get(session) == split
    )
    if not chosen:
        there = ", ".join(sorted(set(data.splits.values()))) or "none"
        raise WrongUsage(f"--split: expected a part that the data set has ({there}), got {split!r}")
    first = next((item for item in data.items() if item.session in chosen), None)
    if first is None:
        raise WrongUsage(f"--data: expected samples in {path}, got none")
    with as_wrong_usage():
        shift_us = shift_to(start, first.start_us, now_us, pipeline)
    return Playable(
        lambda: shifted((one for one in data.items() if one.session in chosen), shift_us),
        tuple(sorted(chosen)),
        # Which inputs get samples would only be known by reading them all.
        frozenset(pipeline.inputs),
    )
