"""How many vehicles one core tracks: object lists in, objects out, beside only decoding them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec

from schemas.pipeline_file import load_pipeline
from schemas.sample import Sample
from streams.align.types import Window, WindowSample
from streams.compute import BadSample
from streams.engine.memory import share_heap, tune_gc
from workers.bench.computing import device_name
from workers.bench.errors import BenchError
from workers.bench.traffic import FRAME_US, Traffic, traffic
from workers.registry.layout import SHIPPED
from workers.vehicle.fusion.manifest import read_tracking_model
from workers.vehicle.fusion.observing import observation
from workers.vehicle.model import ObjectFusionModel
from workers.vehicle.tracking import State, Tracker

_RATE_HZ = 1_000_000 / FRAME_US


class TrackingFigures(msgspec.Struct, frozen=True):
    """One pass; a step is one vehicle's lists of one frame. CPU seconds of one thread.

    ``decode_steps_per_s``: the lists are read and nothing else, the least that they cost.
    ``core_steps_per_s``: the tracker alone, on lists that were read before.
    ``model_steps_per_s``: read, packed as features, unpacked, tracked, told, states as bytes.
    """

    decode_steps_per_s: float
    core_steps_per_s: float
    model_steps_per_s: float
    state_bytes: float


def measure_vehicle(
    *,
    vehicles: int,
    objects: int,
    frames: int,
    batch: int,
    seed: int,
    passes: int,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Medians of ``passes``. ``batch``: vehicles in one call of the tracker.

    Raises ``BenchError`` where a vehicle has no tracked object at the end.
    """
    note(f"traffic around {vehicles} vehicles")
    made = traffic(vehicles, objects, frames, seed)
    share_heap()
    tune_gc()
    found = []
    for number in range(passes):
        note(f"pass {number + 1} of {passes}")
        found.append(_pass(made, batch))
    middle = {
        name: round(statistics.median(getattr(each, name) for each in found), 1)
        for name in TrackingFigures.__struct_fields__
    }
    return {
        "vehicles": vehicles,
        "objects": objects,
        "frames": frames,
        "batch": batch,
        "seed": seed,
        **middle,
        "core_vehicles_per_core": int(middle["core_steps_per_s"] / _RATE_HZ),
        "model_vehicles_per_core": int(middle["model_steps_per_s"] / _RATE_HZ),
        "cost_of_decoding": round(middle["decode_steps_per_s"] / middle["model_steps_per_s"], 2),
        "device": device_name("cpu"),
        "passes": [msgspec.to_builtins(each) for each in found],
    }


def _pass(made: Traffic, batch: int) -> TrackingFigures:
    steps = made.vehicles * len(made.samples)
    tracking = read_tracking_model(SHIPPED / "drive")
    model = ObjectFusionModel(tracking, load_pipeline("drive"))
    decode_s, features = _timed(
        lambda: [[_decoded(model, sample) for sample in frame] for frame in made.samples]
    )
    windows = [
        _windows(samples, read) for samples, read in zip(made.samples, features, strict=True)
    ]
    seen = [[observation(window) for window in frame] for frame in windows]
    tracker = Tracker(tracking.parameters)

    def core() -> list[State]:
        states = [State()] * made.vehicles
        for frame in seen:
            for at in range(0, made.vehicles, batch):
                states[at : at + batch], _ = tracker.step(
                    states[at : at + batch], frame[at : at + batch]
                )
        return states

    core_s, states = _timed(core)
    if not all(len(state.tracks) for state in states):
        raise BenchError("expected tracks around every vehicle, got a vehicle with none")
    fuse_s, kept = _timed(lambda: _fused(model, windows, batch))
    return TrackingFigures(
        steps / decode_s,
        steps / core_s,
        steps / (decode_s + fuse_s),
        statistics.fmean(map(len, kept)),
    )


def _decoded(model: ObjectFusionModel, sample: Sample) -> bytes:
    found = model.decode(sample)
    if not isinstance(found, bytes):
        got = found.message if isinstance(found, BadSample) else "frames that a detector is to see"
        raise BenchError(f"expected lists that decode, got {got}")
    return found


def _windows(samples: list[Sample], features: list[bytes]) -> list[Window]:
    """A window of each vehicle: its two lists."""
    used = [
        WindowSample(each.sensor, each.input, each.offset, each.start_us, each.end_us, feature)
        for each, feature in zip(samples, features, strict=True)
    ]
    return [
        Window(
            0,
            sample.session,
            sample.start_us,
            sample.start_us + FRAME_US,
            tuple(used[at : at + 2]),
            {},
            0,
        )
        for at, sample in enumerate(samples)
        if at % 2 == 0
    ]


def _fused(model: ObjectFusionModel, windows: list[list[Window]], batch: int) -> list[bytes]:
    states = [b""] * len(windows[0])
    for frame in windows:
        for at in range(0, len(frame), batch):
            chosen = [
                msgspec.structs.replace(window, model_state=state)
                for window, state in zip(
                    frame[at : at + batch], states[at : at + batch], strict=True
                )
            ]
            states[at : at + batch] = [fusion.state or b"" for fusion in model.fuse(chosen)]
    return states


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    found = work()
    return time.process_time() - began, found
