"""Vectors that were computed elsewhere: what is taken for one, and by whom."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.content_type import ACCEPTED, VECTOR
from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs import decode, decode_any
from workers.codecs.cut import cut, interval_us

KIND = f"{VECTOR};dtype=f32le"
VALUES = np.asarray([1.5, -2.0, 0.0], np.float32)


def reason(content_type: str, payload: bytes) -> str:
    found = decode_any(Modality.TEXT, content_type, payload)
    assert isinstance(found, BadSample)
    return found.reason


@pytest.mark.parametrize("modality", Modality)
def test_every_modality_accepts_vectors(modality: Modality) -> None:
    assert VECTOR in ACCEPTED[modality]
    found = decode_any(modality, KIND, VALUES.astype("<f4").tobytes())
    assert not isinstance(found, BadSample)
    assert found.tolist() == VALUES.tolist()
    assert found.dtype == np.float32


@pytest.mark.parametrize("modality", Modality)
def test_a_model_of_signals_is_given_no_vector(modality: Modality) -> None:
    assert isinstance(decode(modality, KIND, VALUES.tobytes()), BadSample)


@pytest.mark.parametrize(
    ("content_type", "payload", "expected"),
    [
        (KIND, b"12345", "odd_length"),
        (KIND, b"", "empty_value"),
        (f"{KIND};width=4", VALUES.tobytes(), "wrong_width"),
        (f"{KIND};width=many", VALUES.tobytes(), "bad_parameter"),
        (f"{VECTOR};dtype=f64le", VALUES.tobytes(), "unsupported_format"),
        (KIND, np.asarray([np.nan], "<f4").tobytes(), "non_finite_value"),
        (KIND, bytes(4 * 65_537), "vector_too_long"),
    ],
)
def test_what_is_no_vector_is_refused_with_the_reason(
    content_type: str, payload: bytes, expected: str
) -> None:
    assert reason(content_type, payload) == expected


@pytest.mark.parametrize("modality", [Modality.AUDIO, Modality.TEXT, Modality.SERIES])
def test_a_vector_is_one_thing_and_is_not_cut(modality: Modality) -> None:
    sample = Sample("s", "x", "x", modality, 100, 300, KIND, VALUES.tobytes(), "", 0, 0)
    assert interval_us(sample) == (100, 300)
    assert cut(sample, [200]) == [sample]
