"""Heat as pictures with a legend, and what is said of each beside it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.contributions import Contributions
from schemas.result import Result
from schemas.sample import Modality
from schemas.units import us_to_iso
from streams.align.types import WindowSample
from workers.insight.heat import Grid, Heat
from workers.insight.overlay import Legend, Picture, draw, factor, glow
from workers.insight.pictures import as_drawn, picture_of
from workers.insight.rebuilding import Rebuilt
from workers.insight.report import HeatPicture

#: A modality with at least this share of a window's heat is drawn on a scale of its own; what has
#: less is drawn as faint as it is beside the rest.
_OWN_SCALE = 0.05
#: Significant digits of a grid's numbers.
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Titled:
    """The answer that heat is drawn for. ``probability``: of the label, 0 to 1.
    ``contributions``: to the answer, where there are any.
    """

    result: Result
    task: str
    label: str
    probability: float
    contributions: Contributions | None = None

    def without(self, modality: str) -> str:
        """What the answer would be without a modality, as far as is known."""
        found = self.contributions.tasks.get(self.task) if self.contributions else None
        if found is None or found.label != self.label or modality not in found.modalities:
            return ""
        left = self.probability - found.modalities[modality].drop
        return f", without {modality} {min(1.0, max(0.0, left)):.1%}"

    @property
    def stem(self) -> str:
        """How the names of its files begin."""
        start = re.sub(r"[-:]", "", self.result.window.start)
        return file_name(
            f"{self.result.pipeline}_{self.result.session}_{start}_{self.task}-{self.label}"
        )


@dataclass(frozen=True, slots=True)
class HungPicture:
    """One picture. ``plain``: with heat and without legend, in the size of the sample's own."""

    report: HeatPicture
    plain: Picture
    framed: Picture


def hang(heat: Heat, rebuilt: Rebuilt, titled: Titled) -> Sequence[HungPicture]:
    """The pictures of a window in order of sensor and time."""
    total = sum(float(grid.sum()) for grid in heat.grids.values())
    scales = _scales(heat, rebuilt, total)
    return [
        _hang(one, heat, rebuilt, titled, total, scales[rebuilt.samples[one].modality])
        for one in sorted(heat.grids, key=lambda one: (one.sensor, one.start_us, one.offset))
    ]


def _scales(heat: Heat, rebuilt: Rebuilt, total: float) -> dict[Modality, float]:
    """The heat of each modality that gets the brightest colour."""
    grids: dict[Modality, list[Grid]] = {}
    for one, grid in heat.grids.items():
        grids.setdefault(rebuilt.samples[one].modality, []).append(grid)
    return {
        modality: max(float(grid.max()) for grid in own)
        if sum(float(grid.sum()) for grid in own) >= _OWN_SCALE * total
        else heat.hottest
        for modality, own in grids.items()
    }


def _hang(
    one: WindowSample,
    heat: Heat,
    rebuilt: Rebuilt,
    titled: Titled,
    total: float,
    hottest: float,
) -> HungPicture:
    sample = rebuilt.samples[one]
    picture = picture_of(sample, rebuilt.decoded[one])
    grid = as_drawn(heat.grids[one], sample.modality)
    share = float(grid.sum()) / total if total else 0.0
    legend = Legend(
        title=f"{one.sensor}   {us_to_iso(sample.start_us)}   {titled.result.session}",
        answer=f"{titled.task}: {titled.label} {titled.probability:.1%}"
        f"{titled.without(sample.modality.value)}",
        method=f"{share:.0%} of the heat by {heat.method.name} ({heat.method.source})",
    )
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    report = HeatPicture(
        sensor=one.sensor,
        input=one.input,
        modality=sample.modality.value,
        offset=one.offset,
        start_us=sample.start_us,
        file=f"{titled.stem}_{file_name(one.sensor)}_{one.offset}-{sample.start_us}.png",
        width=picture.shape[1],
        height=picture.shape[0],
        scale=factor(picture),
        hottest_x=round((int(column) + 0.5) / grid.shape[1], _DIGITS),
        hottest_y=round((int(row) + 0.5) / grid.shape[0], _DIGITS),
        share=round(share, _DIGITS),
        grid=_numbers(grid),
    )
    return HungPicture(report, glow(picture, grid, hottest), draw(picture, grid, hottest, legend))


def file_name(text: str) -> str:
    """The text as a part of a file's name: session keys may be anything.

    >>> file_name("../a b")
    '.._a_b'
    """
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:96]


def _numbers(grid: Grid) -> list[list[float]]:
    return [[float(f"{value:.{_DIGITS}g}") for value in row] for row in grid]
