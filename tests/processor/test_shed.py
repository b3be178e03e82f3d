"""Samples that were dropped in front of the encoder, to the result that counts them."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.sample import Sample
from streams.compute import DROPPED, BadSample, Dropped
from tests.processor.fakes import FakeCompute
from tests.processor.world import World


class Full(FakeCompute):
    """Has no room for samples of value ``shed``."""

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample | Dropped]:
        found = await super().encode(samples)
        return [
            DROPPED if sample.payload == b"shed" else feature
            for sample, feature in zip(samples, found, strict=True)
        ]


async def test_a_window_counts_and_flags_what_was_dropped_of_it() -> None:
    world = World(compute=Full())
    for at_ms, payload in ((0, b"calm"), (250, b"shed"), (500, b"shed"), (1_000, b"shed")):
        world.engine.feed("voice", at_ms, payload)
        world.engine.feed("words", at_ms)
    await world.flush(await world.worker())
    first, second = (result.sensors["voice"] for result in world.engine.results())
    assert (first.samples, first.used, first.dropped, first.absent) == (1, 1, 2, None)
    assert (second.samples, second.used, second.dropped, second.absent) == (0, 0, 1, "dropped")


async def test_what_was_dropped_is_no_dead_letter_and_is_committed() -> None:
    world = World(compute=Full())
    world.engine.feed("voice", 0, b"shed")
    world.engine.feed("words", 0)
    await world.flush(await world.worker())
    assert world.engine.on("dlq") == []
    assert set(world.engine.committed.values()) == {1}


async def test_what_was_dropped_is_counted_by_the_limit_that_was_met() -> None:
    world = World(compute=Full())
    for at_ms, payload in ((0, b"calm"), (250, b"shed"), (500, b"shed")):
        world.engine.feed("voice", at_ms, payload)
        world.engine.feed("words", at_ms)
    await world.flush(await world.worker())
    modality = world.pipeline.inputs["voice"].modality
    labels = {"pipeline": "p", "modality": modality, "reason": "max_queued_samples"}
    assert world.metrics.registry.get_sample_value("sensorium_dropped_total", labels) == 2
