"""Results before the final one, as a worker publishes them."""

from __future__ import annotations

from schemas.result import Result
from tests.processor.world import VOICE, World, pipeline_with

EARLY = {"early_after": "200ms"}


def brief(results: list[Result]) -> list[tuple[str, int, bool, str]]:
    """Window, revision, final and cause of each."""
    return [(r.window.start[-7:-1], r.revision, r.final, r.cause) for r in results]


def feed(world: World, name: str, *at_ms: int, payload: bytes = b"calm") -> None:
    for each in at_ms:
        world.engine.feed(name, each, payload)


async def test_an_early_result_is_not_final_and_the_final_one_has_the_next_number() -> None:
    world = World(pipeline_with(results=EARLY))
    processor = await world.worker()
    feed(world, "voice", 0, 500, 1_400)
    await world.settle(processor)
    assert brief(world.engine.results()) == [("00.000", 0, False, "early")]
    feed(world, "words", 400, 1_200)
    await world.settle(processor)
    assert brief(world.engine.results()) == [
        ("00.000", 0, False, "early"),
        ("00.000", 1, True, "watermark"),
    ]
    early, final = world.engine.results()
    assert (early.sensors["words"].samples, final.sensors["words"].samples) == (0, 1)
    assert early.id != final.id


async def test_nothing_is_committed_for_an_early_result() -> None:
    world = World(pipeline_with(results=EARLY))
    feed(world, "voice", 0, 500, 1_400)
    await world.settle(await world.worker())
    assert world.engine.results()
    assert world.engine.committed[VOICE] == 0


async def test_events_follow_from_final_results_alone() -> None:
    world = World(pipeline_with(results=EARLY))
    processor = await world.worker()
    feed(world, "voice", 0, 500, 1_400, payload=b"loud")
    await world.settle(processor)
    assert world.engine.events() == []
    feed(world, "words", 400, 1_200, payload=b"loud")
    await world.settle(processor)
    (opened,) = world.engine.events()
    assert opened.result_id == world.engine.results()[-1].id


async def test_each_late_sample_within_the_allowed_lateness_revises_its_window() -> None:
    world = World(pipeline_with(results={"allowed_lateness": "2s"}))
    processor = await world.worker()
    feed(world, "voice", 0, 1_200)
    feed(world, "words", 0, 1_200)
    await world.settle(processor)
    feed(world, "words", 700)
    await world.settle(processor)
    feed(world, "voice", 3_200)
    feed(world, "words", 3_200)
    await world.settle(processor)
    first = [one for one in brief(world.engine.results()) if one[0] == "00.000"]
    assert [one[1:] for one in first] == [
        (0, False, "watermark"),
        (1, False, "late"),
        (2, True, "watermark"),
    ]


async def test_after_the_store_was_lost_numbers_go_on_from_the_results() -> None:
    world = World(pipeline_with(results=EARLY))
    processor = await world.worker()
    feed(world, "voice", 0, 500, 1_400)
    await world.settle(processor)
    world.backend.wipe()
    await world.settle(processor)
    feed(world, "words", 400, 1_200)
    await world.settle(processor)
    results = [r for r in world.engine.results() if r.window.start.endswith("00.000Z")]
    assert [r.revision for r in results] == list(range(len(results)))
    assert [r.final for r in results] == [False] * (len(results) - 1) + [True]
    assert len({r.id for r in results}) == len(results)


async def test_a_worker_that_takes_over_goes_on_with_the_numbers() -> None:
    world = World(pipeline_with(results=EARLY))
    feed(world, "voice", 0, 500, 1_400)
    await world.settle(await world.worker())
    second = await world.worker()
    feed(world, "words", 400, 1_200)
    await world.settle(second)
    assert [one[1:3] for one in brief(world.engine.results())] == [(0, False), (1, True)]


async def test_an_early_result_does_not_change_the_final_one() -> None:
    async def finals(**results: str) -> list[tuple[str, object, object]]:
        world = World(pipeline_with(results=results))
        for k in range(12):
            feed(world, "voice", k * 250)
        processor = await world.worker()
        await world.settle(processor)
        for k in range(12):
            feed(world, "words", k * 250)
        await world.flush(processor)
        return [(r.window.start, r.tasks, r.sensors) for r in world.engine.results() if r.final]

    assert await finals(**EARLY) == await finals()
    assert len(await finals()) == 3


async def test_an_event_that_ends_with_its_session_names_the_last_final_result() -> None:
    world = World(pipeline_with(results=EARLY))
    processor = await world.worker()
    feed(world, "voice", 0, 500, 1_400, payload=b"loud")
    await world.settle(processor)
    feed(world, "words", 400, 900, payload=b"loud")
    for name in ("voice", "words"):
        world.engine.end_session(name)
    await world.flush(processor)
    await world.flush(processor)
    _, closed = world.engine.events()
    newest = [result for result in world.engine.results() if result.final][-1]
    assert closed.result_id == newest.id
