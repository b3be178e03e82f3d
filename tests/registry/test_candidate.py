"""A candidate may answer only once its files, its labels and its answers were checked."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import torch

from schemas.pipeline import EventSpec, Pipeline
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from tests.processor.fakes import FakeCompute
from tests.registry.conftest import NAME, Shelf, a_pipeline, damage
from tests.workers.models import network
from workers.codecs import decode
from workers.errors import ModelError, NonFiniteError
from workers.registry import trial
from workers.registry.candidate import open_candidate, open_first
from workers.registry.choice import Opened, choose
from workers.registry.trial import trial_payload, try_out


@asynccontextmanager
async def opened(shelf: Shelf, pipeline: Pipeline) -> AsyncIterator[Opened]:
    found = await open_first(pipeline, shelf.worker())
    try:
        yield found
    finally:
        found.compute.close()


async def refused(shelf: Shelf, pipeline: Pipeline, version: str = "1") -> str:
    """Why a version is refused."""
    choice = choose(a_pipeline(version=version).model, shelf.registry)
    with pytest.raises((ModelError, NonFiniteError)) as caught:
        await open_candidate(pipeline, choice, shelf.worker())
    return str(caught.value)


async def test_a_version_answers_under_its_own_name(shelf: Shelf) -> None:
    shelf.add("1")
    async with opened(shelf, a_pipeline(version="1")) as found:
        assert (found.compute.model.name, found.compute.model.version) == (NAME, "1")


async def test_damaged_weights_are_refused(shelf: Shelf) -> None:
    damage(shelf.add("1") / "model.safetensors")
    assert "digest mismatch" in await refused(shelf, a_pipeline())


async def test_damaged_weights_are_refused_without_digests_beside_them(shelf: Shelf) -> None:
    folder = shelf.add("1")
    (folder / "SHA256SUMS").unlink()
    damage(folder / "model.safetensors")
    assert "digest mismatch" in await refused(shelf, a_pipeline())


async def test_a_model_that_lacks_an_inputs_modality_is_refused(shelf: Shelf) -> None:
    shelf.add("1", modalities=[Modality.TEXT])
    assert "series" in await refused(shelf, a_pipeline())


async def test_a_model_that_lacks_an_events_label_is_refused(shelf: Shelf) -> None:
    shelf.add("1")
    events = (EventSpec(name="alarm", task="mood", label="furious"),)
    pipeline = a_pipeline().model_copy(update={"events": events})
    assert "furious" in await refused(shelf, pipeline)


async def test_a_model_whose_answers_are_not_finite_is_refused(shelf: Shelf) -> None:
    made = network((Modality.TEXT, Modality.SERIES))
    with torch.no_grad():
        for weight in made.fusion.parameters():
            weight.fill_(3e38)  # finite, and a sum of two is not
    shelf.add("1", made=made)
    assert "non_finite_answer" in await refused(shelf, a_pipeline())


async def test_a_worker_starts_with_the_former_version_where_the_active_one_is_damaged(
    shelf: Shelf,
) -> None:
    for version in ("1", "2"):
        shelf.add(version)
        shelf.registry.activate(NAME, version)
    damage(shelf.root / NAME / "2" / "model.safetensors")
    async with opened(shelf, a_pipeline()) as found:
        assert found.compute.model.version == "1"
        assert found.refused is not None
        assert (found.refused[0].version, "digest mismatch" in found.refused[1]) == ("2", True)


async def test_a_worker_does_not_start_where_no_version_can_be_used(shelf: Shelf) -> None:
    for version in ("1", "2"):
        damage(shelf.add(version) / "model.safetensors")
        shelf.registry.activate(NAME, version)
    with pytest.raises(ModelError, match="models/small/2"):
        await open_first(a_pipeline(), shelf.worker())


async def test_a_worker_does_not_start_with_another_version_than_the_pinned_one(
    shelf: Shelf,
) -> None:
    for version in ("1", "2"):
        shelf.add(version)
        shelf.registry.activate(NAME, version)
    damage(shelf.root / NAME / "2" / "model.safetensors")
    with pytest.raises(ModelError, match="digest mismatch"):
        await open_first(a_pipeline(version="2"), shelf.worker())


# -- the trial -----------------------------------------------------------------------------------


@pytest.mark.parametrize("modality", Modality)
def test_the_trial_of_a_modality_is_a_valid_sample(modality: Modality) -> None:
    decoded = decode(modality, *trial_payload(modality))
    assert not isinstance(decoded, BadSample), decoded


class Answering(FakeCompute):
    """Answers every window by the same probabilities."""

    def __init__(self, *probabilities: float) -> None:
        super().__init__()
        self._answer_with = dict(zip("abc", probabilities, strict=False))

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        return [Fusion({"task": self._answer_with}, {}) for _ in windows]


@pytest.mark.parametrize(
    ("probabilities", "complaint"),
    [((0.5, math.nan), "finite"), ((0.5, math.inf), "finite"), ((0.5, 0.6), "sum 1")],
)
async def test_an_answer_that_is_no_distribution_is_refused(
    probabilities: tuple[float, ...], complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        await try_out(a_pipeline(), Answering(*probabilities))


async def test_a_distribution_passes_the_trial() -> None:
    await try_out(a_pipeline(), Answering(0.5, 0.5))


async def test_a_model_that_refuses_a_valid_sample_is_refused() -> None:
    class Picky(FakeCompute):
        async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
            return [BadSample("not_mine", "CodecError", "expected others") for _ in samples]

    with pytest.raises(ModelError, match="'text', got not_mine"):
        await try_out(a_pipeline(), Picky())


async def test_a_model_that_never_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_TIMEOUT_S", 0.02)
    silent = FakeCompute()
    silent.gate.clear()
    with pytest.raises(ModelError, match="got none"):
        await try_out(a_pipeline(), silent)


async def test_a_window_without_samples_is_part_of_the_trial() -> None:
    seen: list[int] = []

    class Counting(Answering):
        async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
            seen.extend(len(window.samples) for window in windows)
            return await super().fuse(windows)

    await try_out(a_pipeline(), Counting(1.0))
    assert seen == [2, 0]
