"""What a lexicon says of a text."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from workers.errors import ModelError
from workers.learned.text import valence
from workers.learned.text.valence import VALENCE_WIDTH, valence_of

#: Places of the compound score and of the sum over single words.
COMPOUND, SUM = 0, 4


def test_praise_is_above_blame() -> None:
    assert valence_of("a wonderful film")[COMPOUND] > 0.0 > valence_of("an awful film")[COMPOUND]


def test_a_negated_word_counts_the_other_way_in_the_score_only() -> None:
    found = valence_of("it was not good")
    assert found[COMPOUND] < 0.0 < found[SUM]


def test_marks_around_a_word_do_not_hide_it() -> None:
    assert valence_of('"good!"')[SUM] == valence_of("good")[SUM] > 0.0


def test_a_text_without_a_known_word_leans_to_neither_side() -> None:
    assert not valence_of("the of and")[[COMPOUND, SUM]].any()


@pytest.mark.parametrize("text", ["", " ", "but " * 2_000, "\x00\ufffd", "🙂" * 500, "!?" * 999])
def test_any_text_has_finite_values(text: str) -> None:
    found = valence_of(text)
    assert found.shape == (VALENCE_WIDTH,)
    assert np.isfinite(found).all()


def test_a_missing_lexicon_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    valence._judge.cache_clear()
    with pytest.raises(ModelError, match=r"pip install 'sensorium\[text\]'"):
        valence_of("good")
