"""The data sets by name: what reads each, and the pipeline that it is for."""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic import TypeAdapter, ValidationError

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline, shipped_pipelines
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
        "comma2k19",
        "kitti_tracking",
    )
}

#: Name -> the shipped pipeline that it is for, where it has no file of its own.
_SHIPPED: Mapping[str, str] = {"comma2k19": "drive", "kitti_tracking": "drive"}


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
    if name in _SHIPPED:
        return shipped_pipelines()[_SHIPPED[name]]
    own = Path(str(resources.files("workers.datasets"))) / "pipelines" / f"{name}.yaml"
    return own if own.is_file() else shipped_pipelines()[name.replace("_", "-")]


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
            converted[key] = _as(hints[key], value)
        except ValidationError as error:
            raise DataSetError(f"{name}: option {key}: {error.errors()[0]['msg']}") from None
    return converted


def _as(hint: Any, value: object) -> object:
    """A value of a type; text may name several, with commas between them."""
    kind: TypeAdapter[object] = TypeAdapter(hint)
    try:
        return kind.validate_python(value)
    except ValidationError:
        if not isinstance(value, str) or typing.get_origin(hint) is not Sequence:
            raise
        return kind.validate_python(value.split(","))
