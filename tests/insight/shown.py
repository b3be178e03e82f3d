"""Windows of simulated scenes, and where in their frames lies what their labels are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.pipeline_file import load_pipeline
from schemas.sample import Modality
from schemas.units import US_PER_S
from streams.align.types import Window, WindowSample
from streams.feed.item import FeedItem
from streams.scenes.call import face
from streams.scenes.call.world import CallWorld
from streams.scenes.catalog import make_scene
from streams.scenes.diagnosis import chest
from streams.scenes.diagnosis.course import OPAQUE_ABOVE
from streams.scenes.diagnosis.world import PatientWorld
from streams.scenes.vehicle import camera
from streams.scenes.vehicle.traffic import nearest
from streams.scenes.vehicle.world import VehicleWorld
from tests.workers.payloads import sample
from workers.backends.reference import ReferenceModel
from workers.encoders.base import Array
from workers.train.scenes.recording import align

START_US = 1_790_000_040_000_000
#: The item's position, in place of a feature, see ``workers.train.scenes.recording.align``.
_INDEX = np.dtype("<u4")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shown:
    """One window. ``regions``: of each frame, where in it the evidence is, bool of its size."""

    window: Window
    decoded: dict[WindowSample, Array]
    items: dict[WindowSample, FeedItem]
    regions: dict[WindowSample, Mask]
    label: str


def face_region(world: object, time_s: float) -> Mask | None:
    """The mouth and the brows: by them a drawn face shows its mood."""
    assert isinstance(world, CallWorld)
    shown, half = world._expression(time_s), world._look.size
    x, y = 80.0 + shown.shift_x, 58.0 + shown.shift_y
    mask = np.zeros((face.HEIGHT, face.WIDTH), np.uint8)
    for side, top, bottom in ((0.5, 0.38, 1.0), (0.65, -0.62, -0.25)):
        first = int(x - side * half), int(y + top * half)
        cv2.rectangle(mask, first, (int(x + side * half), int(y + bottom * half)), 1, -1)
    return mask.astype(np.bool_)


def road_region(world: object, time_s: float) -> Mask | None:
    """The box around the nearest road user in our lane."""
    assert isinstance(world, VehicleWorld)
    users = [one for one in world._traffic.road_users(time_s) if nearest([one])[1] < np.inf]
    box = camera.box2d(min(users, key=lambda one: one.x)) if users else None
    if box is None:
        return None
    left, top, right, bottom = map(int, box)
    mask = np.zeros((camera.HEIGHT, camera.WIDTH), np.bool_)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def lung_region(world: object, time_s: float) -> Mask | None:
    """Where the opacity has at least a third of its density."""
    assert isinstance(world, PatientWorld)
    course = world._course
    if course.opacity.at(time_s) <= OPAQUE_ABOVE:
        return None
    opacity = world._thorax.opacities[course.place.at(time_s) % chest.PLACES]
    return np.asarray(opacity > 1 / 3, np.bool_)


#: Pipeline -> modality of the frames, task, labels that something in the frame stands for, the
#: region, sessions and seconds.
SUBJECTS: dict[
    str,
    tuple[Modality, str, frozenset[str], Callable[[object, float], Mask | None], tuple[int, float]],
] = {
    "call": (
        Modality.VIDEO,
        "sentiment",
        frozenset({"negative", "positive"}),
        face_region,
        (3, 24.0),
    ),
    "vehicle": (
        Modality.VIDEO,
        "ahead",
        frozenset({"vehicle", "pedestrian"}),
        road_region,
        (3, 12.0),
    ),
    "diagnosis": (Modality.IMAGE, "finding", frozenset({"opacity"}), lung_region, (4, 900.0)),
}


def shown(name: str, model: ReferenceModel, seed: int = 4_242) -> Iterator[Shown]:
    """The windows of an unseen scene whose label something in each frame stands for."""
    kind, task, labels, region, (sessions, seconds) = SUBJECTS[name]
    pipeline = load_pipeline(name)
    scene = make_scene(name, sessions=sessions, seconds=seconds, seed=seed, start_us=START_US)
    items = list(scene.items())
    for window in align(pipeline, items):
        label = scene.labels(window.session, window.start_us, window.end_us).get(task)
        if label not in labels:
            continue
        found = Shown(window, {}, {}, {}, label)
        for one in window.samples:
            item = items[int(np.frombuffer(one.feature, _INDEX)[0])]
            modality = pipeline.inputs[one.input].modality
            read = sample(modality, item.content_type, item.payload, input=one.input)
            array = model.decode(read)
            (feature,) = model.encode(modality, [array])
            encoded = msgspec.structs.replace(one, feature=feature)
            found.decoded[encoded], found.items[encoded] = array, item
            if modality is kind:
                time_s = (item.start_us - START_US) / US_PER_S
                mask = region(scene._world(item.session), time_s)
                if mask is not None:
                    found.regions[encoded] = mask
        frames = sum(pipeline.inputs[one.input].modality is kind for one in window.samples)
        if frames and len(found.regions) == frames:
            whole = msgspec.structs.replace(window, samples=tuple(found.decoded))
            yield Shown(whole, found.decoded, found.items, found.regions, label)
