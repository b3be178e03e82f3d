"""What published windows add to the metrics."""

from __future__ import annotations

from tests.processor.world import World


async def test_sequence_numbers_that_are_missing_or_come_again_are_counted_by_modality() -> None:
    world = World()
    for at_ms, number in ((0, 1), (250, 4), (500, 4), (1_250, 5)):
        world.engine.feed("voice", at_ms, sequence=number)
        world.engine.feed("words", at_ms)
    await world.flush(await world.worker())
    labels = {"pipeline": "p", "modality": world.pipeline.inputs["voice"].modality}
    counted = {
        outcome: world.metrics.registry.get_sample_value(
            "sensorium_sequence_numbers_total", {**labels, "outcome": outcome}
        )
        for outcome in ("missing", "again")
    }
    assert counted == {"missing": 2, "again": 1}
