"""How a network is run: what padding is told, and what this machine cannot do."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from schemas.sample import Modality
from tests.workers.models import network
from workers.backends.compiling import compiled
from workers.backends.execution import FUSION, Execution
from workers.device import spare_cores
from workers.errors import DeviceError
from workers.fusion.tokens import noise_tokens

CPU = torch.device("cpu")


def double(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (2.0 * tensor,)


def test_padding_is_told_in_the_parts_own_unit() -> None:
    told: list[tuple[str, float, float]] = []
    execution = Execution(
        network(), CPU, note_padding=lambda part, asked, run: told.append((part, asked, run))
    )
    encoder = execution.network.encoder(Modality.AUDIO)
    # One and a half segments of 16 frames are padded to two, and the row to four.
    frames = encoder.specimen(2, np.random.default_rng(0))[:24]
    execution.encode(Modality.AUDIO, [frames])
    execution.fuse([noise_tokens(20, np.random.default_rng(0))])
    assert told == [("audio", 1.5, 8), (FUSION, 20, 4 * 32)]


def test_cuda_graphs_on_a_cpu_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(
        DeviceError, match=r"expected a CUDA device for model\.compile: cuda_graphs"
    ):
        Execution(network(), CPU, compile="cuda_graphs")


def test_inductor_without_a_compiler_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(DeviceError, match="found no 'no-such-compiler'; install one"):
        compiled(double, "inductor", CPU)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_a_network_through_inductor_answers_as_it_does_without() -> None:
    plain, fast = Execution(network(), CPU), Execution(network(), CPU, compile="inductor")
    rng = np.random.default_rng(0)
    windows = [noise_tokens(30, rng) for _ in range(5)]
    for expected, found in zip(plain.fuse(windows), fast.fuse(windows), strict=True):
        for task, values in expected.probabilities.items():
            assert found.probabilities[task] == pytest.approx(values, abs=1e-5)


def test_float16_features_are_another_model_than_float32_ones() -> None:
    from schemas.model import ModelSpec
    from tests.workers.models import manifest
    from workers.backends.reference import ReferenceModel
    from workers.model_file import LoadedModel

    def features(**spec: object) -> str:
        loaded = LoadedModel(manifest(), network(), None)  # type: ignore[arg-type]
        described = ModelSpec.model_validate({"name": "m", **spec})
        return ReferenceModel(loaded, {}, CPU, described).features

    assert features() == features(max_batch=8)
    assert len({features(), features(precision="float16"), features(precision="bfloat16")}) == 3


def test_decoding_gets_the_cores_that_are_left_and_at_least_one() -> None:
    assert spare_cores(10_000) == 1
    assert 1 <= spare_cores() <= 8
