"""The scenes there are, by the name of the pipeline they feed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from schemas.units import US_PER_S
from streams.errors import FeedError
from streams.scenes.call import world as call
from streams.scenes.degrade import Degradation
from streams.scenes.diagnosis import world as diagnosis
from streams.scenes.rig import SimulatedScene, World
from streams.scenes.vehicle import world as vehicle


class _Builder(Protocol):
    def __call__(
        self, session: str, *, seed: int, duration_us: int, inputs: Collection[str]
    ) -> World: ...


@dataclass(frozen=True, slots=True)
class SceneKind:
    """One kind of scene: what its sessions are called and the sensors of each input."""

    session_prefix: str
    inputs: Mapping[str, tuple[str, ...]]
    tasks: Mapping[str, tuple[str, ...]]
    build: _Builder


SCENES: Mapping[str, SceneKind] = {
    "call": SceneKind("call", call.INPUTS, call.TASKS, call.CallWorld),
    "vehicle": SceneKind("drive", vehicle.INPUTS, vehicle.TASKS, vehicle.VehicleWorld),
    "diagnosis": SceneKind("patient", diagnosis.INPUTS, diagnosis.TASKS, diagnosis.PatientWorld),
}


def make_scene(
    pipeline: str,
    *,
    sessions: int,
    seconds: float,
    seed: int,
    start_us: int,
    degrade: Degradation = Degradation(),  # noqa: B008  frozen, hence safe to share
    without: Collection[str] = (),
) -> SimulatedScene:
    """A scene of ``sessions`` sessions that run from ``start_us`` for ``seconds``.

    ``without``: inputs that the scene's sessions do not have (a call without ``video``). Raises
    ``FeedError`` for an unknown pipeline, input or degraded sensor, and for numbers out of range.
    """
    kind = SCENES.get(pipeline)
    if kind is None:
        raise FeedError(f"scene {pipeline!r}: expected one of {', '.join(SCENES)}")
    if sessions < 1 or not seconds > 0 or seed < 0 or start_us < 0:
        raise FeedError(
            f"scene {pipeline!r}: expected sessions of at least 1, seconds above 0, and seed and "
            f"start_us not negative, got {sessions=}, {seconds=}, {seed=}, {start_us=}"
        )
    _known("without", without, kind.inputs)
    inputs = {name: names for name, names in kind.inputs.items() if name not in set(without)}
    _known(
        "degraded sensor", degrade.by_sensor, [one for names in inputs.values() for one in names]
    )
    duration_us = round(seconds * US_PER_S)

    def build(session: str) -> World:
        return kind.build(session, seed=seed, duration_us=duration_us, inputs=tuple(inputs))

    return SimulatedScene(
        [f"{kind.session_prefix}-{number:04d}" for number in range(1, sessions + 1)],
        build,
        seed=seed,
        start_us=start_us,
        duration_us=duration_us,
        degradation=degrade,
    )


def _known(what: str, names: Collection[str], existing: Collection[str]) -> None:
    unknown = sorted(set(names) - set(existing))
    if unknown:
        raise FeedError(f"{what}: expected any of {', '.join(sorted(existing))}, got {unknown}")
