"""Waveforms of intensive care: ECG, blood pressure, breath, with marked beats where there are."""

from __future__ import annotations

from pathlib import Path

from workers.datasets.base import DataSet
from workers.datasets.icu import records

ABOUT = "ECG and other waveforms in chunks of a second; beats of 5 classes where marked"


def load(path: Path) -> DataSet:
    """Read every record of a folder; see ``workers.datasets.icu.records``."""
    return records("icu_waveforms", path, beats=True)
