"""The report as a reader and a browser have it."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.answers import drawn
from tests.recipes.fakes import Quiet, Words
from workers.evaluation.report.page import render_report
from workers.recipes.base import Evaluation, Figure, Options
from workers.recipes.measure import Measured

pytest.importorskip("matplotlib", reason="matplotlib is an extra")

_VOID = {"meta", "img", "br", "link"}


class _Page(HTMLParser):
    """Collects what a page holds, and fails where an element is not closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.images: list[dict[str, str]] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[name] for name in ("src", "href") if name in given]
        if tag == "img":
            self.images.append(given)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open[-1:] == ["h2"]:
            self.headings.append(data)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """The fake recipe's, with a representation and shares of two modalities put in."""
    found = Measured(Words()).run(Path(), None, Options(seeds=1), Quiet())
    assert found.inside is not None
    count = len(found.inside)
    rng = np.random.default_rng(1)
    inside = replace(
        found.inside,
        representation=rng.standard_normal((count, 5)).astype(np.float32),
        modalities=("audio", "text"),
        shares=np.full((count, 2), 0.5, np.float32),
    )
    return replace(found, inside=inside)


@pytest.fixture(scope="module")
def bare() -> Evaluation:
    """Figures alone: a page without plots."""
    return Evaluation("tracks", "tracking", [Figure("MOTA", 0.87)], "val", "here", "none")


@pytest.fixture(scope="module")
def text(evaluation: Evaluation) -> str:
    return render_report(evaluation)


@pytest.fixture(scope="module")
def page(text: str) -> _Page:
    return _Page(text)


def test_every_section_is_there(page: _Page) -> None:
    assert page.headings == [
        "Figures",
        "Fold by fold: accuracy",
        "The trained model with inputs masked",
        "Misaligned by up to 2 s",
        "Trained anew for each",
        "Confusion matrix",
        "Calibration",
        "Learning curves",
        "Attention over modalities and time",
        "Which inputs and moments count",
        "Feature maps",
    ]


def test_nothing_is_loaded_from_elsewhere(page: _Page) -> None:
    assert page.addresses
    assert all(address.startswith("data:") for address in page.addresses)


def test_every_plot_is_a_picture_with_a_description(page: _Page) -> None:
    for image in page.images:
        assert image["alt"]
        body = base64.b64decode(image["src"].partition("base64,")[2], validate=True)
        assert ElementTree.fromstring(body).tag.endswith("svg")


@pytest.mark.slow
def test_the_same_evaluation_gives_the_same_page(evaluation: Evaluation, text: str) -> None:
    assert render_report(evaluation) == text


def test_samples_are_not_shown_unless_asked_for(text: str) -> None:
    assert "<blockquote>" not in text


def test_samples_are_shown_where_asked_for(evaluation: Evaluation) -> None:
    asked = render_report(replace(evaluation, charts=(), curves=(), inside=None), examples=True)
    assert "<blockquote>fine</blockquote>" in asked
    _Page(asked)


def test_what_is_said_of_data_is_text_and_no_markup(bare: Evaluation) -> None:
    named = replace(bare, origin="<script>alert(1)</script>")
    assert "<script" not in render_report(named)


def test_a_figure_below_its_goal_is_marked(bare: Evaluation) -> None:
    figures = [Figure("accuracy", 0.7, goal=0.8), Figure("recall", 0.9, goal=0.8)]
    texts = _Page(render_report(replace(bare, figures=figures))).texts
    assert [text for text in texts if text in ("met", "not met")] == ["not met", "met"]


def test_an_evaluation_of_figures_alone_is_a_page(bare: Evaluation) -> None:
    assert _Page(render_report(bare)).headings == ["Figures"]


def test_many_labels_are_listed_by_what_they_are_taken_for(bare: Evaluation) -> None:
    many = replace(bare, predictions={"seed 1": drawn(400, 20)})
    assert "taken for" in _Page(render_report(many)).texts
