"""The recipe mosi, on a small data set of the same layout, and its figure on the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.units import US_PER_S
from tests.recipes.fakes import Quiet
from tests.recipes.small_mosi import write_mosi
from workers.datasets.catalog import open_data_set
from workers.recipes.base import Evaluation, Options
from workers.recipes.catalog import find_recipe
from workers.recipes.mosi import NOT_CAUSAL, PLAN, WITH_TRANSCRIPTS, classifier

MOSI = Path(__file__).parents[2].parent / "shared" / "data" / "calls" / "mosi"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    data = write_mosi(tmp_path_factory.mktemp("mosi"))
    return find_recipe("mosi").run(data, None, Options(seeds=1), Quiet())


def _value(found: Evaluation, name: str) -> float:
    return next(figure.value for figure in found.figures if figure.name == name)


def test_each_utterance_of_a_test_video_is_judged_once(found: Evaluation) -> None:
    (answers,) = found.predictions.values()
    assert len(set(zip(answers.sessions, answers.starts_us, strict=True))) == 16


def test_the_accuracy_is_held_to_the_published_one(found: Evaluation) -> None:
    accuracy = next(figure for figure in found.figures if figure.name == "accuracy")
    assert accuracy.goal == 0.803


def test_what_text_tells_is_learnt_among_inputs_that_tell_nothing(found: Evaluation) -> None:
    assert _value(found, "accuracy") > 0.8


def test_single_inputs_and_pairs_stand_beside_it(found: Evaluation) -> None:
    names = {figure.name for figure in found.figures}
    assert {"text alone: accuracy", "text+audio alone: accuracy"} <= names


@pytest.mark.parametrize(
    "variant",
    ["with the transcripts", "plain concatenation", "with what follows", "without context"],
)
def test_other_ways_are_measured_beside_it(found: Evaluation, variant: str) -> None:
    assert 0.0 < _value(found, f"{variant}: accuracy") <= 1.0


def test_the_transcripts_are_a_claim_of_their_own(found: Evaluation) -> None:
    figures = {figure.name: figure for figure in found.figures}
    assert figures["with the transcripts: accuracy"].goal == 0.803


def test_only_the_variant_reads_the_transcripts() -> None:
    planned = classifier(PLAN, "", [WITH_TRANSCRIPTS])
    assert set(planned.pipeline("").inputs) == {"text", "audio", "video"}
    assert set(planned.pipeline(WITH_TRANSCRIPTS.variant.name).inputs) == {
        "text",
        "audio",
        "video",
        "transcript",
    }


def test_videos_kept_elsewhere_are_judged_in_place_of_its_own(tmp_path: Path) -> None:
    data, other = write_mosi(tmp_path / "mosi"), write_mosi(tmp_path / "other", "other")
    found = find_recipe("mosi").run(data, other, Options(seeds=1, quick=True), Quiet())
    (answers,) = found.predictions.values()
    assert {session[:10] for session in answers.sessions} == {"kept-other"}


def test_a_label_that_looks_ahead_stands_later(tmp_path: Path) -> None:
    data = write_mosi(tmp_path / "mosi")
    now, later = (open_data_set("mosi", data, {"ahead": ahead}).labels for ahead in (0, 4))
    assert [one.start_us + 4 * US_PER_S for one in now] == [one.start_us for one in later]
    assert [one.label for one in now] == [one.label for one in later]


@pytest.mark.slow
def test_the_stream_gives_the_same_answers_item_for_item(tmp_path: Path) -> None:
    """Sliding windows lie before a session's first sample and after its last, too."""
    data = write_mosi(tmp_path / "mosi")
    options = Options(seeds=1, quick=True, stream=True)
    (equality,) = find_recipe("mosi").run(data, None, options, Quiet()).stream
    assert equality.items == 16
    assert equality.flawless


@pytest.mark.slow
@pytest.mark.skipif(not MOSI.is_dir(), reason="the data set is not here")
def test_the_given_features_reach_what_was_measured() -> None:
    """78.8 % with a deviation of 1.0 was measured; single inputs other than text are below 63 %."""
    found = find_recipe("mosi").run(MOSI, None, Options(quick=True), Quiet())
    assert _value(found, "accuracy") > 0.77


@pytest.mark.slow
@pytest.mark.skipif(not MOSI.is_dir(), reason="the data set is not here")
def test_with_the_transcripts_the_published_figure_is_passed() -> None:
    """82.1 % with a deviation of 0.1 over five seeds was measured."""
    options = Options(quick=True, seeds=1)
    found = find_recipe("mosi-transcripts").run(MOSI, None, options, Quiet())
    assert _value(found, "accuracy") > 0.803


def test_what_looks_ahead_is_trained_and_labelled_for_the_same_step() -> None:
    assert NOT_CAUSAL.options["ahead"] == NOT_CAUSAL.model["context"]["ahead"]
