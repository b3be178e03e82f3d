"""A recording of a vehicle as an MCAP file that Foxglove draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import WireError
from schemas.payloads import ObjectList
from schemas.pipeline import Pipeline
from schemas.result import Result, decode_result
from schemas.sample import Modality
from schemas.units import iso_to_us
from streams.errors import RecordError
from streams.feed.item import FeedItem
from streams.feed.recorded import recorded_playable
from streams.record.extra import require
from streams.record.reader import read_recording
from workers.foxglove.frames import camera_calibration, transforms
from workers.foxglove.scene import Scene, detected_boxes, list_scene, tracked_boxes
from workers.foxglove.sensors import sensor_message
from workers.vehicle.calibration.rig import Rig

#: The frame of a vehicle whose calibration is not given.
BASE_FRAME = "base_link"
#: Between two announcements of the same frames and camera models; players that start in the
#: middle look back some seconds.
_ANNOUNCE_US = 1_000_000

_objects = msgspec.json.Decoder(ObjectList)


@dataclass(slots=True)
class Exported:
    """What was written. ``messages``: by topic of the new file. ``left_out``: samples that
    Foxglove has no picture of, by input. ``other_sessions``: records of sessions besides the one.
    """

    session: str | None = None
    messages: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    other_sessions: int = 0


def export_foxglove(
    sources: Sequence[Path],
    out: Path,
    pipeline: Pipeline,
    *,
    rig: Rig | None = None,
    session: str | None = None,
    force: bool = False,
    on_message: Callable[[Exported], None] | None = None,
) -> Exported:
    """Write one session of a recording: frames, sweeps, object lists, and tracked objects.

    Topics are the sensors' names: ``/camera.front``, its ``…/calibration``; of a list ``…/objects``
    in space and ``…/detections`` in the image; ``/objects`` the tracked ones, and ``…/boxes`` those
    in a camera's image; ``/tf``. ``session``: the first that comes, where none is named.
    Only final results are drawn. Raises ``FeedError`` for a recording that cannot be read,
    ``RecordError`` for a file that cannot be written or is there already.
    """
    writers = require("mcap_protobuf.writer")
    exporter = _Exporter(pipeline, rig or Rig(BASE_FRAME), session)
    try:
        with out.open("wb" if force else "xb") as file, writers.Writer(file) as writer:
            for topic, at_us, message in exporter.messages(sources):
                writer.write_message(
                    topic, message, log_time=at_us * 1_000, publish_time=at_us * 1_000
                )
                exporter.told.messages[topic] += 1
                if on_message is not None:
                    on_message(exporter.told)
    except FileExistsError:
        raise RecordError(
            f"{out}: expected no such file, got one; choose another name, or --force"
        ) from None
    except OSError as error:
        raise RecordError(f"{out}: cannot be written ({error.strerror or error})") from None
    return exporter.told


_Message = tuple[str, int, Any]


class _Exporter:
    def __init__(self, pipeline: Pipeline, rig: Rig, session: str | None) -> None:
        self._pipeline = pipeline
        self._rig = rig
        self._scene = Scene()
        #: sensor -> when its frame was announced last.
        self._announced_us: dict[str, int] = {}
        #: Sensors whose lists have boxes in space.
        self._in_space: set[str] = set()
        self.told = Exported(session)

    def messages(self, sources: Sequence[Path]) -> Iterator[_Message]:
        """(topic, epoch microseconds, message): the sensors' first, then the results'.

        MCAP keeps an index of times, so the order in the file is of no importance.
        """
        played, _ = recorded_playable(sources, self._pipeline, start="recorded", now_us=0)
        for item in played.items():
            if self._wanted(item.session):
                yield from self._sample(item)
        for one in read_recording(sources, [self._pipeline.results_topic]):
            try:
                result = decode_result(one.record.value or b"")
            except WireError:
                self.told.left_out["results"] += 1
                continue
            if result.final and self._wanted(result.session):
                yield from self._result(result)

    def _wanted(self, session: str) -> bool:
        if self.told.session is None:
            self.told.session = session
        if session == self.told.session:
            return True
        self.told.other_sessions += 1
        return False

    def _sample(self, item: FeedItem) -> Iterator[_Message]:
        modality = self._pipeline.inputs[item.input].modality
        at_us, topic = item.start_us, f"/{item.sensor}"
        message = sensor_message(item, modality)
        if message is not None:
            yield from self._announce(item.sensor, at_us)
            yield topic, at_us, message
        elif modality is Modality.OBJECTS:
            yield from self._list(item, topic, at_us)
        else:
            self.told.left_out[item.input] += 1

    def _list(self, item: FeedItem, topic: str, at_us: int) -> Iterator[_Message]:
        try:
            held = _objects.decode(item.payload)
        except msgspec.MsgspecError:
            self.told.left_out[item.input] += 1
            return
        yield from self._announce(item.sensor, at_us)
        if any(one.box3d is not None for one in held.objects):
            self._in_space.add(item.sensor)
        # A list without any follows one with some: what was drawn has to go.
        if item.sensor in self._in_space:
            yield f"{topic}/objects", at_us, list_scene(held, item.sensor, at_us)
        boxes = detected_boxes(held.objects, at_us)
        if boxes is not None:
            yield f"{topic}/detections", at_us, boxes

    def _announce(self, sensor: str, at_us: int) -> Iterator[_Message]:
        last_us = self._announced_us.get(sensor)
        if last_us is not None and at_us < last_us + _ANNOUNCE_US:
            return
        self._announced_us[sensor] = at_us
        for message in transforms(self._rig, [sensor], at_us):
            yield "/tf", at_us, message
        camera = self._rig.cameras.get(sensor)
        if camera is not None:
            model = camera_calibration(sensor, camera, None, at_us)
            yield f"/{sensor}/calibration", at_us, model

    def _result(self, result: Result) -> Iterator[_Message]:
        if isinstance(result.objects, msgspec.UnsetType):
            self.told.left_out["results"] += 1
            return
        valid = [one.valid_at for one in result.objects]
        at_us = iso_to_us(max(valid, default=result.window.end))
        yield "/objects", at_us, self._scene.update(result.objects, at_us)
        for camera, boxes in tracked_boxes(result.objects, at_us).items():
            yield f"/{camera}/boxes", at_us, boxes
