"""`sensorium evaluate`: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Sensorium
from tests.recipes.fakes import Words
from workers.cli.failures import FAILED, WRONG_USAGE
from workers.recipes import catalog
from workers.recipes.base import Evaluation, Figure, Options, Progress, StreamEquality
from workers.recipes.measure import Measured


class Given:
    """A recipe whose evaluation is given; ``asked`` is what it was asked for."""

    name = "given"
    claim = "a claim"

    def __init__(self, *stream: StreamEquality) -> None:
        self.stream = stream
        self.asked: tuple[Path, Path | None, Options] | None = None

    def run(
        self, data: Path, test: Path | None, options: Options, progress: Progress
    ) -> Evaluation:
        self.asked = (data, test, options)
        figures = [Figure("accuracy", 0.9, 0.01, (0.88, 0.92), 100, 5, 0.95)]
        return Evaluation("given", self.claim, figures, "a split", "some data", "CC0", ["A note."],
                          stream=self.stream)  # fmt: skip


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    recipe = Given()
    monkeypatch.setattr(catalog, "find_recipe", lambda name: recipe)
    return recipe


def test_a_figure_is_printed_with_deviation_interval_and_claim(
    sensorium: Sensorium, given: Given
) -> None:
    done = sensorium("evaluate", "--recipe", "given", "--data", "d")
    row = next(line for line in done.out.splitlines() if line.strip().startswith("accuracy"))
    assert row.split() == [
        *("accuracy", "0.9000", "0.0100", "0.8800", "to", "0.9200", "100", "5", ">", "0.95"),
        *("NOT", "MET"),
    ]


def test_it_says_where_the_split_comes_from(sensorium: Sensorium, given: Given) -> None:
    out = sensorium("evaluate", "--recipe", "given", "--data", "d").out
    assert "Split: a split\nData: some data\nLicence: CC0\nNote: A note.\n" in out


def test_json_is_one_object(sensorium: Sensorium, given: Given) -> None:
    done = sensorium("evaluate", "--recipe", "given", "--data", "d", "--json")
    told = json.loads(done.out)
    assert told["figures"][0]["value"] == 0.9
    assert told["figures"][0]["met"] is False
    assert told["split"] == "a split"


def test_lists_are_taken_one_by_one_or_with_commas(sensorium: Sensorium, given: Given) -> None:
    for listed in (["--sequences", "0001", "0006"], ["--sequences", "0001,0006"]):
        assert sensorium("evaluate", "--recipe", "given", "--data", "d", *listed).status == 0
        assert given.asked is not None
        assert given.asked[2].sequences == ("0001", "0006")


def test_a_test_set_that_is_kept_elsewhere_reaches_the_recipe(
    sensorium: Sensorium, given: Given
) -> None:
    sensorium("evaluate", "--recipe", "given", "--data", "d", "--test", "t")
    assert given.asked is not None
    assert given.asked[:2] == (Path("d"), Path("t"))


def test_a_stream_that_differs_fails_loudly(sensorium: Sensorium, given: Given) -> None:
    given.stream = (
        StreamEquality("seed 1", 10, 10, 0, 0, 0, 0, 0.0),
        StreamEquality("seed 2", 10, 8, 1, 0, 1, 0, 0.2),
    )
    done = sensorium("evaluate", "--recipe", "given", "--data", "d", "--stream")
    assert done.status == FAILED
    assert "got 1 of 2 models that differ; seed 2: 8 of 10 items equal, 1 missing" in done.complaint


def test_a_recipe_is_run_and_its_report_written(
    sensorium: Sensorium, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalog, "find_recipe", lambda name: Measured(Words()))
    report = tmp_path / "words.html"
    done = sensorium(
        *("evaluate", "--recipe", "words", "--data", "d", "--quick", "--seeds", "1"),
        *("--report", str(report)),
    )
    assert done.status == 0
    assert report.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "expected one of --recipe, --plan, --model and --results"),
        (["--recipe", "a", "--model", "b"], "expected one of --recipe, --plan"),
        (["--model", "b"], "--model: expected --dataset NAME with it"),
        (["--recipe", "a", "--reuse"], "--reuse: expected --keep FOLDER with it"),
        (["--recipe", "a", "--examples"], "--examples: expected --report FILE with it"),
        (
            ["--recipe", "a", "--group", "group"],
            "--group: expected group, session, one-group beside",
        ),
        (["--recipe", "a", "--device", "tpu"], "--device: expected cpu, cuda or auto, got 'tpu'"),
        (["--results", "a"], "--results: expected --labels FILE with it"),
        (["--results", "a", "--labels", "b"], "--data: expected it with all but --results"),
        (["--recipe", "a", "b"], "expected options, got 'b'"),
        (["--recipe", "a", "--task", "b"], "--task: not expected with --recipe"),
        (["--plan", "a", "--split", "test"], "--split: not expected with --plan"),
        (["--model", "a", "--dataset", "b", "--seeds", "3"], "--seeds: not expected with --model"),
        (["--recipe", "a", "--report", "no/such/x.html"], "--report: expected a file in a folder"),
    ],
)
def test_a_call_that_cannot_be_followed_is_one_line(
    sensorium: Sensorium, arguments: list[str], complaint: str
) -> None:
    done = sensorium("evaluate", "--data", "d", *arguments)
    assert done.status == WRONG_USAGE
    assert complaint in done.complaint


def test_results_of_a_run_take_no_option_of_a_training(sensorium: Sensorium) -> None:
    done = sensorium("evaluate", "--results", "a", "--labels", "b", "--stream")
    assert done.status == WRONG_USAGE
    assert "--stream: not expected with --results" in done.complaint


def test_an_unknown_recipe_names_those_there_are(sensorium: Sensorium) -> None:
    done = sensorium("evaluate", "--recipe", "moss", "--data", "d")
    assert done.status == FAILED
    assert "recipe: expected one of mosi, " in done.complaint
    assert "got 'moss'" in done.complaint
