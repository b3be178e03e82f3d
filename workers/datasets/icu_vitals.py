"""Vital signs of intensive care, once a minute (MIMIC waveform database)."""

from __future__ import annotations

from pathlib import Path

from workers.datasets.base import DataSet
from workers.datasets.icu import records

ABOUT = "vital signs of an ICU stay, once a minute; no labels"


def load(path: Path) -> DataSet:
    """Read every record of a folder; see ``workers.datasets.icu.records``."""
    return records("icu_vitals", path, beats=False)
