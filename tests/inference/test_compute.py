"""The compute port: one result per sample and window, and the culprit alone pays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import DROPPED, BadSample, Fusion
from tests.inference.fragile import POISON_FUSE, FragileModel
from tests.workers.models import TASKS, cpu_compute, pipeline, write_model
from tests.workers.payloads import example, sample
from workers.backends.reference import ReferenceModel
from workers.encoders.feature import FEATURE_BYTES
from workers.errors import DeviceError, ModelError
from workers.inference.compute import ModelCompute
from workers.inference.observing import Stage, Unobserved


@pytest.fixture
def compute(tmp_path: Path) -> Iterator[ModelCompute]:
    write_model(tmp_path / "model")
    made = cpu_compute(pipeline(str(tmp_path / "model")))
    yield made
    made.close()


def one(modality: Modality, seed: int = 0) -> Sample:
    content_type, payload = example(modality, seed)
    return sample(modality, content_type, payload, offset=seed, input=modality.value)


def vitals(heart_rate: float, offset: int = 0) -> Sample:
    payload = f'{{"hr": {heart_rate}}}'.encode()
    return sample(Modality.SERIES, "application/json", payload, offset=offset, input="series")


def window(features: list[bytes], input: str = "audio") -> Window:
    samples = tuple(
        WindowSample(f"{input}.{i}", input, i, i * 1_000, i * 1_000, feature)
        for i, feature in enumerate(features)
    )
    return Window(0, "s", 0, 2_000_000, samples, {}, 0)


def poison(compute: ModelCompute, failure: str) -> None:
    """From now on the encoder of series fails, or answers NaN, where the first statistic of the
    heart rate says so.
    """
    model = compute._model
    assert isinstance(model, ReferenceModel)
    encoder = model.network.encoder(Modality.SERIES)
    healthy = encoder.forward

    def forward(vectors: torch.Tensor) -> torch.Tensor:
        poisoned = vectors[:, 1] > 0.99
        if bool(poisoned.any()) and failure == "raise":
            raise RuntimeError("a kernel failed")
        if bool(poisoned.any()) and failure == "device":
            raise torch.OutOfMemoryError("out of memory")
        return torch.where(poisoned.unsqueeze(1), torch.nan, healthy(vectors))

    encoder.forward = forward  # type: ignore[method-assign]


async def test_every_modality_is_encoded_in_the_order_of_the_call(compute: ModelCompute) -> None:
    samples = [one(m, seed) for seed in range(5) for m in Modality]
    together = await compute.encode(samples)
    alone = [(await compute.encode([s]))[0] for s in samples]
    assert together == alone
    assert all(isinstance(f, bytes) and len(f) == FEATURE_BYTES for f in together)


async def test_concurrent_calls_get_their_own_results(compute: ModelCompute) -> None:
    calls = [[vitals(60 + 5 * i + j) for j in range(3)] for i in range(10)]
    results = await asyncio.gather(*(compute.encode(call) for call in calls))
    assert list(results) == [await compute.encode(call) for call in calls]
    assert len({feature for result in results for feature in result}) > 10


@pytest.mark.parametrize(
    ("failure", "reason"), [("raise", "encoder_failed"), ("nan", "non_finite_feature")]
)
async def test_one_poisoned_sample_of_64_leaves_63_features(
    compute: ModelCompute, failure: str, reason: str
) -> None:
    healthy = await compute.encode([vitals(60 + i) for i in range(64)])
    poison(compute, failure)
    samples = [vitals(200 if i == 41 else 60 + i, i) for i in range(64)]
    results = await compute.encode(samples)
    bad = results[41]
    assert isinstance(bad, BadSample)
    assert bad.reason == reason
    assert [r for i, r in enumerate(results) if i != 41] == [
        r for i, r in enumerate(healthy) if i != 41
    ]


async def test_a_device_that_fails_makes_no_bad_samples(compute: ModelCompute) -> None:
    poison(compute, "device")
    with pytest.raises(DeviceError, match="OutOfMemoryError"):
        await compute.encode([vitals(200)])
    assert isinstance((await compute.encode([vitals(60)]))[0], bytes)


async def test_undecodable_samples_are_named_among_good_ones(compute: ModelCompute) -> None:
    cut = one(Modality.VIDEO)
    truncated = sample(Modality.VIDEO, "image/jpeg", cut.payload[:-200], input="video")
    empty = sample(Modality.TEXT, "text/plain", b"", input="text")
    results = await compute.encode([cut, truncated, empty, one(Modality.TEXT)])
    assert [r.reason if isinstance(r, BadSample) else "ok" for r in results] == [
        "ok",
        "truncated_jpeg",
        "empty_value",
        "ok",
    ]


async def test_the_event_loop_is_free_while_samples_are_encoded(compute: ModelCompute) -> None:
    call = asyncio.create_task(compute.encode([one(Modality.VIDEO, i) for i in range(64)]))
    turns = 0
    while not call.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10


async def test_a_window_is_answered_alike_alone_and_among_others(compute: ModelCompute) -> None:
    features = await compute.encode([one(Modality.AUDIO, i) for i in range(40)])
    windows = [window([f for f in features[: n % 40] if isinstance(f, bytes)]) for n in range(64)]
    together = await compute.fuse(windows)
    assert together == [(await compute.fuse([w]))[0] for w in windows]
    assert {task: list(labels) for task, labels in together[1].tasks.items()} == TASKS


async def test_shares_name_the_modalities_that_are_there(compute: ModelCompute) -> None:
    feature = (await compute.encode([one(Modality.AUDIO)]))[0]
    assert isinstance(feature, bytes)
    answer = (await compute.fuse([window([feature])]))[0]
    assert answer.modalities == {"audio": 1.0}


async def test_a_window_of_which_nothing_is_used_is_not_guessed_at(compute: ModelCompute) -> None:
    feature = (await compute.encode([one(Modality.AUDIO)]))[0]
    assert isinstance(feature, bytes)
    empty, full = window([]), window([feature])
    answers = await compute.fuse([empty, full, empty])
    assert [answer.failure for answer in answers] == ["nothing_used", None, "nothing_used"]
    assert answers[0] == Fusion({}, {}, failure="nothing_used")
    assert answers[1] == (await compute.fuse([full]))[0]
    assert await compute.fuse([empty]) == answers[:1]


async def test_a_feature_of_another_model_is_refused_and_not_guessed(
    compute: ModelCompute,
) -> None:
    with pytest.raises(ModelError, match="features of another model"):
        await compute.fuse([window([bytes(100)])])


async def test_no_samples_and_no_windows_give_nothing(compute: ModelCompute) -> None:
    assert await compute.encode([]) == []
    assert await compute.fuse([]) == []


async def test_a_bug_in_a_decoder_does_not_escape(compute: ModelCompute) -> None:
    bug = mock.Mock(side_effect=RecursionError("payload text"))
    with mock.patch.dict("workers.codecs._DECODERS", {Modality.TEXT: bug}):
        result = (await compute.encode([one(Modality.TEXT)]))[0]
    assert result == BadSample(
        "undecodable", "RecursionError", "the text decoder failed with RecursionError"
    )


async def test_features_are_finite_for_extreme_but_valid_input(compute: ModelCompute) -> None:
    loud = np.full(1_600, 1e30, "<f4").tobytes()
    content_type = "audio/pcm;rate=16000;channels=1;format=f32le"
    wild = b'{"hr": 1e300, "unknown": -1e300}'
    results = await compute.encode(
        [
            sample(Modality.AUDIO, content_type, loud, input="audio"),
            sample(Modality.SERIES, "application/json", wild, input="series"),
            sample(Modality.OBJECTS, "application/json", b"[]", input="objects"),
        ]
    )
    assert all(isinstance(result, bytes) for result in results)


class Gated(FragileModel):
    """Encodes once the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def encode(self, modality: Modality, decoded: Sequence[bytes]) -> list[bytes]:
        assert self.gate.wait(10)
        return super().encode(modality, decoded)


def overloaded(overload: str) -> tuple[ModelCompute, Gated]:
    """At most 128 samples are decoded and encoded at once, and 64 more may wait."""
    served = pipeline("any")
    inputs = {
        name: spec.model_copy(update={"overload": overload}) for name, spec in served.inputs.items()
    }
    model = Gated()
    served = served.model_copy(update={"inputs": inputs})
    return ModelCompute(served, model, max_queued_samples=64), model


async def encoded_under(overload: str) -> list[str]:
    """Of four calls of 64 samples each that come while the model stands still: what became of
    them.
    """
    compute, model = overloaded(overload)
    calls = []
    for number in range(4):
        chunk = [vitals(60, 64 * number + n) for n in range(64)]
        calls.append(asyncio.create_task(compute.encode(chunk)))
        for _ in range(10):
            await asyncio.sleep(0)
    model.gate.set()
    results = await asyncio.gather(*calls)
    compute.close()
    return ["dropped" if set(each) == {DROPPED} else "encoded" for each in results]


@pytest.mark.parametrize(
    ("overload", "expected"),
    [
        ("wait", ["encoded"] * 4),
        ("drop_newest", ["encoded", "encoded", "encoded", "dropped"]),
        ("drop_oldest", ["encoded", "encoded", "dropped", "encoded"]),
    ],
)
async def test_what_too_many_samples_wait_for_is_dropped_as_the_input_says(
    overload: str, expected: list[str]
) -> None:
    assert await encoded_under(overload) == expected


async def test_a_window_that_the_model_fails_on_is_answered_without_the_culprit() -> None:
    compute = ModelCompute(pipeline("any"), FragileModel())
    windows = [window([b"fine", POISON_FUSE if n == 41 else b"fine"]) for n in range(64)]
    answers = await compute.fuse(windows)
    compute.close()
    blamed = [n for n, answer in enumerate(answers) if answer.culprit is not None]
    assert blamed == [41]
    assert {answer.failure for answer in answers} == {None}


async def test_every_batch_is_told_with_its_stage_and_modality() -> None:
    told: list[tuple[str, str, int]] = []

    class Told(Unobserved):
        def batch(
            self,
            stage: Stage,
            modality: str,
            items: int,
            seconds: float,
            queued: Sequence[tuple[float, int]],
        ) -> None:
            assert sum(count for _, count in queued) == items
            told.append((stage, modality, items))

    compute = ModelCompute(pipeline("any"), FragileModel(), observer=Told())
    await compute.encode([vitals(60, n) for n in range(3)])
    await compute.fuse([window([b"fine"])])
    compute.close()
    assert told == [("decode", "series", 3), ("encode", "series", 3), ("fuse", "", 1)]


async def test_the_pipeline_files_delay_wins_over_the_workers() -> None:
    served = pipeline("any")
    model = served.model.model_copy(update={"max_delay": timedelta(0)})
    compute = ModelCompute(
        served.model_copy(update={"model": model}), FragileModel(), max_delay_ms=60_000
    )
    async with asyncio.timeout(10):
        assert await compute.encode([vitals(60)]) == [vitals(60).payload]
    compute.close()


def test_a_model_that_fails_on_its_own_example_is_one_line(compute: ModelCompute) -> None:
    broken = mock.Mock(side_effect=ValueError("expected 12 columns,\ngot 1"))
    with (
        mock.patch.object(compute._model, "warm", broken),
        pytest.raises(
            ModelError, match=r"failed with ValueError at .*: expected 12 columns, got 1"
        ),
    ):
        compute.warm()
