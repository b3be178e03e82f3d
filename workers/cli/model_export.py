"""`sensorium models export`: a model of this package as graphs that others can run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.cli.options import ConfigOption, JsonOption, example, read_settings
from workers.cli.output import print_json, print_text

EXAMPLE = example("sensorium models export call exported/call --format onnx")


def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name or folder.")],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to; made where it is not there.")
    ],
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="torch (torch.export) or onnx.")
    ] = "torch",
    version: Annotated[
        str | None, typer.Option("--version", help="A version; the active one without it.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write a model as graphs: torch.export archives or ONNX files. The folder is a model itself:
    name it in a pipeline file, add it to the registry, or put its graphs on a server.
    """
    from schemas.model import ModelSpec
    from workers.backends.export import export_model
    from workers.registry.choice import choose
    from workers.registry.store import Registry

    registry = Registry(read_settings(config).worker.models)
    chosen = choose(ModelSpec(name=name, version=version), registry)
    manifest = export_model(str(chosen.folder), folder, format=format)
    if json:
        graphs = {graph: form.file for graph, form in manifest.graphs.items()}
        print_json({"name": manifest.name, "version": manifest.version, "graphs": graphs})
        return
    print_text(f"{manifest.name} {manifest.version}: {len(manifest.graphs)} graphs in {folder}")
