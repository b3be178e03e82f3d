"""An insight in a terminal: the heat can be seen with colour and without."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console, RenderableType

from schemas.contributions import Contribution, Contributions, TaskContributions
from schemas.result import ModelRef
from tests.workers.payloads import picture
from workers.explain.drawing import COLUMNS
from workers.insight.gallery import HungPicture, file_name
from workers.insight.inquiry import Inquiry
from workers.insight.report import Agreement, HeatPicture, Insight, MethodUsed
from workers.insight.terminal import draw, half_blocks, shades, warmest

MODEL = ModelRef("small", "2", "c0ffee" * 10)


def hung(
    sensor: str, offset: int, share: float, grid: list[list[float]] | None = None
) -> HungPicture:
    report = HeatPicture(
        sensor=sensor,
        input="camera",
        modality="video",
        offset=offset,
        start_us=0,
        file=f"{sensor}-{offset}.png",
        width=160,
        height=120,
        scale=4,
        hottest_x=0.5,
        hottest_y=0.5,
        share=share,
        grid=grid or [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]],
    )
    return HungPicture(report, picture(160, 120), picture(640, 564))


def inquiry(*pictures: HungPicture, agreement: Agreement | None = None) -> Inquiry:
    found = TaskContributions("near", {"video": Contribution(0.4, 1.0)})
    return Inquiry(
        "stem",
        Insight(
            pipeline="rig",
            session="s-1",
            window_start_us=0,
            window_end_us=1,
            result_id="r",
            task="proximity",
            label="near",
            probability=0.9,
            published=0.8,
            probabilities={"near": 0.9, "far": 0.1},
            model=MODEL,
            published_model=MODEL,
            agreement=agreement or Agreement(True, 0.0),
            attention={"video": 1.0},
            sensors={"cam": "video"},
            contributions=Contributions("leave_one_out", {"proximity": found}),
            method=MethodUsed("a method", "someone", "log-odds"),
            pictures=tuple(one.report for one in pictures),
        ),
        pictures,
    )


def printed(what: RenderableType, *, colour: bool = False) -> str:
    out = io.StringIO()
    system = "truecolor" if colour else None
    Console(file=out, width=COLUMNS, force_terminal=colour, color_system=system).print(what)  # type: ignore[arg-type]
    return out.getvalue()


def test_shades_are_densest_where_heat_is() -> None:
    lines = printed(shades(hung("cam", 0, 1.0).report)).splitlines()
    y, x = max(
        (" ·░▒▓█".find(char), row, column)
        for row, line in enumerate(lines[1:-1])
        for column, char in enumerate(line)
    )[1:]
    assert y < len(lines) / 2
    assert x > 0.66 * len(lines[0])


def test_heat_of_one_row_is_a_strip() -> None:
    report = hung("mic", 0, 1.0, [[0.0, 1.0, 0.0]]).report
    assert len(printed(shades(report)).splitlines()) == 3 + 2


def test_half_blocks_hold_the_pictures_colours() -> None:
    red = np.zeros((120, 160, 3), np.uint8)
    red[..., 2] = 250
    text = printed(half_blocks(red), colour=True)
    assert set(re.findall(r"38;2;(\d+;\d+;\d+)", text)) == {"250;0;0"}
    assert "▀" in text


@pytest.mark.parametrize("colour", [True, False])
def test_a_page_stays_within_its_columns(colour: bool) -> None:
    text = printed(draw(inquiry(hung("cam", 0, 1.0)), colour=colour), colour=colour)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(len(line) for line in plain.splitlines()) <= COLUMNS
    assert "proximity: near 90.0%" in plain


def test_of_each_sensor_the_warmest_picture_is_shown_the_warmest_first() -> None:
    pictures = [hung("a", 0, 0.1), hung("a", 1, 0.3), hung("b", 2, 0.6)]
    assert [one.report.offset for one in warmest(pictures)] == [2, 1]


def test_a_sensor_with_next_to_no_heat_is_not_shown() -> None:
    assert [one.report.sensor for one in warmest([hung("a", 0, 0.97), hung("b", 1, 0.03)])] == ["a"]


def test_an_answer_that_differs_is_said_to_differ_with_the_reason() -> None:
    differs = Agreement(False, 0.1, ("The result is by another model.",))
    text = printed(draw(inquiry(agreement=differs), colour=False))
    assert "the window gives 0.9000 and not 0.8000" in " ".join(text.split())
    assert "The result is by another model." in text


def test_names_of_files_hold_nothing_that_a_path_could_be_made_of() -> None:
    assert file_name("../../etc/pass wd") == ".._.._etc_pass_wd"
