"""What is said of an answer: beside its pictures as JSON, and in the terminal."""

from __future__ import annotations

import msgspec

from schemas.contributions import Contributions
from schemas.result import ModelRef


class Agreement(msgspec.Struct, frozen=True):
    """Whether the window, encoded and fused again, gives the answer that was published.

    ``difference``: the greatest between two probabilities. ``reasons``: what may have made it, one
    sentence each; where ``same``, at most that the model is another one.
    """

    same: bool
    difference: float
    reasons: tuple[str, ...] = ()


class MethodUsed(msgspec.Struct, frozen=True):
    """How heat was found; ``unit``: what the numbers of the grids are."""

    name: str
    source: str
    unit: str


class HeatPicture(msgspec.Struct, frozen=True):
    """One sample's heat map.

    ``offset``: on the input's topic; ``start_us``: epoch microseconds, corrected. ``file``: name of
    the PNG in the same folder: the sample's picture, ``width`` by ``height`` pixels, ``scale``
    times as large, with a legend below. ``hottest_x``, ``hottest_y``: where heat is greatest, 0 to
    1 from the picture's left and top. ``share``: of the heat of all pictures. ``grid``: the heat
    itself, rows from the top, see the method's unit.
    """

    sensor: str
    input: str
    modality: str
    offset: int
    start_us: int
    file: str
    width: int
    height: int
    scale: int
    hottest_x: float
    hottest_y: float
    share: float
    grid: list[list[float]]


class Insight(msgspec.Struct, frozen=True):
    """What one label of one result rests on.

    ``probability``: of the label, by ``model``, which was loaded for this; ``published`` and
    ``published_model`` are the result's. ``probabilities``: of all labels of the task.
    ``attention``: the model's own shares of modalities. ``sensors``: those that gave something,
    and their modalities. ``limits``: what could not be done, one sentence each.
    """

    pipeline: str
    session: str
    window_start_us: int
    window_end_us: int
    result_id: str
    task: str
    label: str
    probability: float
    published: float
    probabilities: dict[str, float]
    model: ModelRef
    published_model: ModelRef
    agreement: Agreement
    attention: dict[str, float]
    sensors: dict[str, str]
    contributions: Contributions | None
    method: MethodUsed | None
    pictures: tuple[HeatPicture, ...] = ()
    limits: tuple[str, ...] = ()
