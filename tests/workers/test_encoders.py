"""Features: what they may depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from schemas.sample import Modality
from streams.compute import BadSample
from tests.workers.models import network
from tests.workers.payloads import example
from workers.backends.execution import Execution
from workers.bench import workload
from workers.codecs import decode
from workers.encoders import FEATURE_SIZE
from workers.encoders.base import Array
from workers.encoders.feature import FEATURE_BYTES, from_wire, to_wire

CPU = torch.device("cpu")


def arrays(modality: Modality, count: int) -> list[Array]:
    decoded = [decode(modality, *example(modality, seed)) for seed in range(count)]
    assert not any(isinstance(array, BadSample) for array in decoded)
    return decoded  # type: ignore[return-value]


def features(modality: Modality, inputs: list[Array]) -> np.ndarray:
    return Execution(network(), CPU).encode(modality, inputs)


@pytest.mark.parametrize("modality", list(Modality))
def test_a_feature_is_the_same_to_the_bit_alone_and_among_64(modality: Modality) -> None:
    inputs = arrays(modality, 64)
    together = features(modality, inputs)
    alone = np.concatenate([features(modality, [array]) for array in inputs])
    assert together.shape == (64, FEATURE_SIZE)
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("modality", list(Modality))
def test_a_feature_does_not_depend_on_the_order_of_the_batch(modality: Modality) -> None:
    inputs = arrays(modality, 24)
    order = np.random.default_rng(2).permutation(len(inputs))
    shuffled = features(modality, [inputs[i] for i in order])
    assert np.array_equal(shuffled, features(modality, inputs)[order])


@pytest.mark.parametrize("modality", list(Modality))
def test_different_samples_have_different_features(modality: Modality) -> None:
    first, second = features(modality, arrays(modality, 9)[7:])
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("modality", list(Modality))
def test_a_specimen_is_of_its_class_and_encoded_to_finite_values(modality: Modality) -> None:
    encoder = network().encoder(modality)
    rng = np.random.default_rng(0)
    specimens = [encoder.specimen(size, rng) for size in encoder.size_classes]
    assert [encoder.size_class(one) for one in specimens] == list(encoder.size_classes)
    assert np.isfinite(features(modality, specimens)).all()


def test_a_spectrograms_padding_does_not_change_its_feature() -> None:
    """16 frames fill a segment; 17 need two, the second of which is nearly all padding."""
    encoder = network().encoder(Modality.AUDIO)
    frames = np.random.default_rng(0).normal(size=(16, 32)).astype(np.float32)
    with torch.inference_mode():
        exact = encoder(*encoder.collate([frames], 1, 1))
        padded = encoder(*encoder.collate([frames], 4, 1))
    assert torch.allclose(exact, padded, atol=1e-5)


def test_the_order_of_objects_does_not_matter() -> None:
    rows = arrays(Modality.OBJECTS, 12)[11]
    forward, backward = features(Modality.OBJECTS, [rows, rows[::-1]])
    assert np.allclose(forward, backward, atol=1e-5)


def test_a_feature_survives_the_wire_within_half_precision() -> None:
    feature = features(Modality.TEXT, arrays(Modality.TEXT, 1))[0]
    wire = to_wire(feature)
    assert len(wire) == FEATURE_BYTES == workload.FEATURE_BYTES
    assert from_wire([wire])[0] == pytest.approx(feature, rel=2**-11, abs=1e-6)


def test_a_feature_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="128 bytes, got 100"):
        from_wire([bytes(100)])
