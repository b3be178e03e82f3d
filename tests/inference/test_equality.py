"""The same input gives the same answers whatever the batch, and on another device nearly so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
import torch

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from streams.compute import Fusion
from workers.backends.reference import ReferenceModel
from workers.bench.computing import compare_answers
from workers.bench.load import SceneLoad
from workers.bench.scene_load import Work, render
from workers.inference.compute import Encoded, ModelCompute

#: Largest difference of a probability between batches of 1 and of 64, and between CPU and GPU. The
#: kernels differ in the last bits of float32; a feature that lies at a rounding boundary of its
#: float16 then differs by one in its last place. Measured on a CPU: 5e-6.
TOLERANCE = 1e-4
SCENES = {
    "call": SceneLoad(sessions=64, seconds=2, seed=3),
    "vehicle": SceneLoad(sessions=8, seconds=3, seed=3),
    "diagnosis": SceneLoad(sessions=8, seconds=180, seed=3),
}
NAMES = pytest.mark.parametrize("name", sorted(SCENES))
needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device: this machine has none"
)


@cache
def work(name: str) -> Work:
    return render(load_pipeline(name), SCENES[name])


def compute_of(name: str, device: str = "cpu", **model: object) -> tuple[Pipeline, ModelCompute]:
    spec = load_pipeline(name)
    spec = spec.model_copy(update={"model": spec.model.model_copy(update=model)})
    return spec, ModelCompute(spec, ReferenceModel.load(spec, device=device, threads=1))


async def answers(
    name: str, chunk: int = 1_000, device: str = "cpu", **model: object
) -> tuple[list[Encoded], list[Fusion]]:
    """Features and answers of the scene, in calls of ``chunk`` samples or windows."""
    made, (_, compute) = work(name), compute_of(name, device, **model)
    compute.warm()
    try:
        features: list[Encoded] = []
        for start in range(0, len(made.samples), chunk):
            features += await compute.encode(made.samples[start : start + chunk])
        filled = [made.filled(one, _whole(features)) for one in made.windows]
        found: list[Fusion] = []
        for start in range(0, len(filled), chunk):
            found += await compute.fuse(filled[start : start + chunk])
    finally:
        compute.close()
    return features, found


def _whole(features: Sequence[Encoded]) -> list[bytes]:
    whole = [feature for feature in features if isinstance(feature, bytes)]
    assert len(whole) == len(features)
    return whole


@NAMES
async def test_batches_of_1_and_of_64_give_equal_labels_and_probabilities(name: str) -> None:
    _, alone = await answers(name, max_batch=1)
    _, together = await answers(name, max_batch=64)
    labels_equal, differences = compare_answers(alone, together)
    assert labels_equal == 1.0
    assert max(differences) <= TOLERANCE


@NAMES
async def test_with_one_configuration_the_calls_make_no_difference_to_the_last_bit(
    name: str,
) -> None:
    assert await answers(name, chunk=1_000) == await answers(name, chunk=7)


async def test_bfloat16_on_a_cpu_changes_few_labels() -> None:
    _, exact = await answers("call")
    _, shorter = await answers("call", precision="bfloat16")
    labels_equal, differences = compare_answers(exact, shorter)
    assert max(differences) > TOLERANCE  # else nothing was computed in it
    assert labels_equal > 0.98


@needs_cuda
@pytest.mark.parametrize("compile", ["none", "inductor", "cuda_graphs"])
@NAMES
async def test_a_gpu_gives_equal_labels_and_probabilities(name: str, compile: str) -> None:
    _, expected = await answers(name)
    _, found = await answers(name, device="cuda", compile=compile)
    labels_equal, differences = compare_answers(expected, found)
    assert labels_equal == 1.0
    assert max(differences) <= TOLERANCE


@needs_cuda
async def test_on_a_gpu_the_calls_make_no_difference_to_the_last_bit() -> None:
    assert await answers("call", 1_000, "cuda") == await answers("call", 7, "cuda")
