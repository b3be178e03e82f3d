"""The data sets by name: what reads each, and the pipeline that it is for."""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Protocol, cast

from pydantic import TypeAdapter, ValidationError

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from workers.datasets.base import DataSet
from workers.errors import DataSetError

#: Name -> its module, which is imported when it is asked for.
_MODULES: Mapping[str, str] = {
    name: f"workers.datasets.{name}"
    for name in (
        "mosi",
        "banking77",
        "clinc150",
        "emodb",
        "call_real",
        "pneumoniamnist",
        "pocus",
        "meld",
        "mts_dialog",
        "aci_bench",
        "nih_cxr",
        "openi_reports",
        "covid_cxr",
        "icu_vitals",
        "icu_waveforms",
    )
}


class Importer(Protocol):
    """A module that reads one data set."""

    #: What it is, in half a line.
    ABOUT: str

    def load(self, path: Path, **options: object) -> DataSet:
        """Read the data set. Raises ``DataSetError``."""
        ...


def names() -> tuple[str, ...]:
    """Every data set that can be read."""
    return tuple(_MODULES)


def importer(name: str) -> Importer:
    """What reads a data set. Raises ``DataSetError`` for an unknown name."""
    module = _MODULES.get(name)
    if module is None:
        raise DataSetError(f"data set: expected one of {', '.join(_MODULES)}, got {name[:40]!r}")
    return cast("Importer", importlib.import_module(module))


def pipeline_file(name: str) -> Path:
    """The pipeline file that a data set is for: its own, or the shipped one that it was made for.

    Raises ``DataSetError`` for an unknown name.
    """
    importer(name)
    own = Path(str(resources.files("workers.datasets"))) / "pipelines" / f"{name}.yaml"
    if own.is_file():
        return own
    return Path(str(resources.files("schemas"))) / "pipelines" / f"{name.replace('_', '-')}.yaml"


def pipeline(name: str) -> Pipeline:
    """The pipeline that a data set is for. Raises ``DataSetError`` for an unknown name."""
    return load_pipeline(str(pipeline_file(name)))


def open_data_set(name: str, path: Path, options: Mapping[str, object] | None = None) -> DataSet:
    """Read a data set. ``options``: keyword arguments of its ``load``; text is converted.

    Raises ``DataSetError`` for an unknown name or option, and whatever of the files cannot be read.
    """
    found = importer(name)
    return found.load(path, **_converted(name, found, options or {}))


def _converted(name: str, found: Importer, options: Mapping[str, object]) -> dict[str, object]:
    hints = typing.get_type_hints(found.load)
    known = [each for each in inspect.signature(found.load).parameters if each != "path"]
    converted: dict[str, object] = {}
    for key, value in options.items():
        if key not in known:
            raise DataSetError(
                f"{name}: expected options {', '.join(known) or 'none'}, got {key[:40]!r}"
            )
        try:
            converted[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as error:
            raise DataSetError(f"{name}: option {key}: {error.errors()[0]['msg']}") from None
    return converted
