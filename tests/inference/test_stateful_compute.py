"""What a pipeline may not ask of a model that keeps state, and that its windows go in turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.settings import WorkerSettings
from streams.align.types import Window
from streams.compute import Fusion
from tests.inference.test_turns import window
from workers.backends.base import StatefulModel
from workers.errors import ModelError
from workers.inference.compute import ModelCompute
from workers.inference.loading import load_compute
from workers.registry.layout import SHIPPED
from workers.registry.shadow import open_shadow
from workers.vehicle.fusion.manifest import read_tracking_model
from workers.vehicle.model import ObjectFusionModel

DRIVE = load_pipeline("drive")


class Recording(ObjectFusionModel):
    """The tracker, and which windows it was given together."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(read_tracking_model(SHIPPED / "drive"), pipeline)
        self.batches: list[list[tuple[str, int]]] = []

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        self.batches.append([(each.session, each.start_us // 1_000_000) for each in windows])
        return super().fuse(windows)


class Served(Recording):
    """The same, as a class of the operator's own."""

    def __init__(self) -> None:
        super().__init__(DRIVE)


def pipeline(**changes: Any) -> Pipeline:
    return Pipeline.model_validate(DRIVE.model_dump(exclude_none=True) | changes)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"results": {"early_after": "100ms"}}, "results.early_after"),
        ({"results": {"allowed_lateness": "1s"}}, "results.allowed_lateness"),
        (
            {"model": {"name": "drive", "explain": {"leave_one_out": "modalities"}}},
            "model.explain.leave_one_out",
        ),
    ],
)
def test_what_has_no_one_order_of_windows_is_refused(changes: dict[str, Any], key: str) -> None:
    served = pipeline(**changes)
    with pytest.raises(ModelError, match=key):
        ModelCompute(served, Recording(served))


def test_a_model_without_state_has_no_kind_of_state() -> None:
    assert not isinstance(object(), StatefulModel)


async def test_a_session_s_windows_are_never_in_one_batch() -> None:
    model = Recording(DRIVE)
    compute = ModelCompute(DRIVE, model)
    try:
        await compute.fuse([window("a", 1), window("a", 2), window("b", 1), window("b", 2)])
    finally:
        compute.close()
    assert model.batches == [[("a", 1), ("b", 1)], [("a", 2), ("b", 2)]]
    assert compute.states == model.states


async def test_more_sessions_than_a_batch_holds_still_go_in_turns() -> None:
    served = pipeline(model={"name": "drive", "max_batch": 2})
    model = Recording(served)
    compute = ModelCompute(served, model)
    given = [window(name, second) for name in "abc" for second in (1, 2)]
    try:
        await compute.fuse(given)
    finally:
        compute.close()
    assert [second for batch in model.batches for _, second in batch] == [1, 1, 1, 2, 2, 2]


async def test_a_model_that_keeps_state_is_no_shadow(caplog: pytest.LogCaptureFixture) -> None:
    shadowed = pipeline(model={"name": "drive", "shadow": {"name": "drive"}})
    assert await open_shadow(shadowed, WorkerSettings(device="cpu")) is None
    assert "a shadow may miss some" in caplog.text


def test_a_model_that_keeps_state_answers_without_a_fall_back() -> None:
    target = f"{__name__}:Served"
    served = pipeline(model={"name": "own", "python": target, "fallback": "drive"})
    with pytest.raises(ModelError, match=r"model\.fallback"):
        load_compute(served, WorkerSettings(device="cpu"))


def test_a_model_that_keeps_state_is_not_asked_again_without_a_part() -> None:
    explain = {"leave_one_out": "modalities"}
    served = pipeline(model={"name": "drive", "explain": explain})
    with pytest.raises(ModelError, match="leave_one_out"):
        load_compute(served, WorkerSettings(device="cpu"))
