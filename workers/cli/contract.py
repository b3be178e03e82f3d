"""`sensorium contract`: the published schemas, written or checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.cli.failures import FAILED, complain
from workers.cli.options import JsonOption, example
from workers.cli.output import print_json, print_text

EXAMPLE = example("sensorium contract --check")


def contract(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where a file is out of date.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where the files are. Default: the package's.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write or check the schemas. JSON Schemas and an AsyncAPI document, made from the types."""
    from schemas.contract import CONTRACT_DIR, stale_files, write_contract

    where = folder or CONTRACT_DIR
    if not check:
        written = write_contract(where)
        if json:
            print_json({"folder": str(where), "written": [path.name for path in written]})
            return
        for path in written:
            print_text(str(path))
        return
    stale = stale_files(where)
    if json:
        print_json({"folder": str(where), "current": not stale, "stale": stale})
    if stale:
        complain(f"out of date in {where}: {', '.join(stale)}; run `sensorium contract`")
        raise typer.Exit(FAILED)
    if not json:
        print_text(f"{where}: current")
