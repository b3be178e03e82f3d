"""The tracker as a model: lists in, objects out, all that it knows of a session in its state."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from schemas.units import iso_to_us
from streams.align.types import Window, WindowSample
from streams.compute import BadSample, Fusion
from workers.backends.base import StatefulModel
from workers.backends.opening import Surroundings, open_model
from workers.errors import ModelError
from workers.registry.layout import SHIPPED
from workers.vehicle.fusion.manifest import TrackingModel, read_tracking_model
from workers.vehicle.model import ObjectFusionModel
from workers.vehicle.tracking import Parameters

DRIVE = load_pipeline("drive")
STEP_US = 100_000
#: Values as they are without any fit, so that what is tested does not change with the next one.
PLAIN = TrackingModel(ModelRef("plain", "1", "00"), Parameters())


def model(**changes: Any) -> ObjectFusionModel:
    tree = DRIVE.model_dump(exclude_none=True)
    pipeline = Pipeline.model_validate(tree | changes)
    return ObjectFusionModel(PLAIN, pipeline)


def car(x: float, y: float = 0.0, score: float = 0.999) -> dict[str, Any]:
    """A car ahead, in space and in the image of the camera."""
    left, high, size = 600 - 700 * y / x, 180.0, 1_200 / x
    return {
        "class": "car",
        "score": score,
        "box3d": [x, y, 0.8, 4.0, 1.8, 1.6, 0.0],
        "box2d": [left - size, high, left + size, high + 1.5 * size],
    }


def seen(car: dict[str, Any]) -> dict[str, Any]:
    """The same car as the camera sees it."""
    return {name: value for name, value in car.items() if name != "box3d"}


class Drive:
    """Windows of sessions, one after the other, through a model."""

    def __init__(self, tracker: ObjectFusionModel | None = None) -> None:
        self.model = tracker or model()
        self.states: dict[str, bytes] = {}
        self.now_us = 0

    def window(self, session: str = "v", **lists: Any) -> Window:
        samples = []
        for n, (input, payload) in enumerate(sorted(lists.items())):
            spec = DRIVE.inputs[input]
            body = json.dumps(
                payload if input == "ego" else {"objects": payload, "camera": "camera.front"}
            )
            sample = Sample(
                session, spec.sensors[0], input, spec.modality, self.now_us, self.now_us,
                "application/json", body.encode(), "drive", 0, n,
            )  # fmt: skip
            found = self.model.decode(sample)
            assert not isinstance(found, BadSample), found
            (feature,) = self.model.encode(spec.modality, [found])
            samples.append(
                WindowSample(spec.sensors[0], input, n, self.now_us, self.now_us, feature)
            )
        return Window(
            0, session, self.now_us, self.now_us + STEP_US, tuple(samples), {}, 0,
            model_state=self.states.get(session, b""),
        )  # fmt: skip

    def step(self, *windows: Window) -> list[Fusion]:
        answers = self.model.fuse(windows)
        for window, answer in zip(windows, answers, strict=True):
            assert answer.state is not None
            self.states[window.session] = answer.state
        self.now_us += STEP_US
        return answers

    def follow(self, steps: int, speed_mps: float = 0.0, **more: Any) -> list[Fusion]:
        """A car that both sensors see, from 20 m on."""
        answers = []
        for n in range(steps):
            found = car(20.0 + speed_mps * n * STEP_US / 1e6)
            answers += self.step(self.window(lidar=[found], camera=[seen(found)], **more))
        return answers


def test_it_keeps_state() -> None:
    assert isinstance(model(), StatefulModel)


def test_a_car_that_is_seen_again_keeps_its_id() -> None:
    ids = {each.object_id for answer in Drive().follow(10) for each in answer.objects or ()}
    assert len(ids) == 1


def test_a_car_is_told_of_with_class_place_and_the_sensors_that_saw_it() -> None:
    (found,) = Drive().follow(10)[-1].objects or ()
    assert found.label == "car"
    assert found.status == "confirmed"
    assert found.sensors == ["camera.front", "lidar.top"]
    assert found.kinematics is not None
    assert found.kinematics.position[0] == pytest.approx(20.0, abs=0.1)
    assert found.kinematics.frame == "base_link"
    assert list(found.boxes) == ["camera.front"]


def test_objects_are_valid_when_the_newest_sample_was_sensed() -> None:
    drive = Drive()
    (found,) = drive.follow(10)[-1].objects or ()
    assert iso_to_us(found.valid_at) == drive.now_us - STEP_US
    assert found.age_ms == 900.0


def test_velocity_is_relative_to_the_vehicle_where_its_own_motion_is_not_known() -> None:
    (found,) = Drive().follow(20, speed_mps=-5.0)[-1].objects or ()
    assert found.kinematics is not None
    assert found.kinematics.velocity[0] == pytest.approx(-5.0, abs=0.5)
    assert found.kinematics.ground_velocity is None


def test_velocity_over_ground_is_told_where_the_vehicle_s_own_motion_is_known() -> None:
    ego = {"speed_mps": 15.0, "yaw_rate_radps": 0.0}
    (found,) = Drive().follow(20, speed_mps=-5.0, ego=ego)[-1].objects or ()
    assert found.kinematics is not None
    assert found.kinematics.ground_velocity is not None
    assert found.kinematics.ground_velocity[0] == pytest.approx(10.0, abs=0.5)
    assert found.kinematics.velocity[0] == pytest.approx(-5.0, abs=0.5)


def test_an_object_that_only_a_camera_sees_has_no_place() -> None:
    drive = Drive()
    for _ in range(10):
        (answer,) = drive.step(drive.window(lidar=[], camera=[seen(car(20.0))]))
    (found,) = answer.objects or ()
    assert found.kinematics is None
    assert found.boxes


def test_a_car_that_is_gone_is_closed_and_then_forgotten() -> None:
    drive = Drive()
    drive.follow(10)
    statuses = []
    for _ in range(40):
        (answer,) = drive.step(drive.window(lidar=[], camera=[]))
        statuses.append([each.status for each in answer.objects or ()])
    assert statuses.count(["closed"]) == 1
    assert statuses[-1] == []


def test_what_is_not_sure_yet_is_told_of_only_where_that_is_asked_for() -> None:
    doubtful = car(20.0, score=0.6)
    for tentative, expected in ((False, []), (True, ["tentative"])):
        drive = Drive(
            model(objects={**DRIVE.objects.model_dump(exclude_none=True), "tentative": tentative})
        )
        (answer,) = drive.step(drive.window(lidar=[doubtful], camera=[]))
        assert [each.status for each in answer.objects or ()] == expected


def test_a_session_s_objects_do_not_depend_on_the_batch() -> None:
    alone, together = Drive(), Drive()
    for n in range(12):
        found = car(20.0 + n)
        others = [together.window(f"o{k}", lidar=[car(10.0 + k), car(30.0, 3.0)]) for k in range(5)]
        (expected,) = alone.step(alone.window(lidar=[found], camera=[seen(found)]))
        *_, answer = together.step(*others, together.window(lidar=[found], camera=[seen(found)]))
        assert (answer.objects, answer.state) == (expected.objects, expected.state)


def test_two_sessions_have_other_ids() -> None:
    drive = Drive()
    for _ in range(5):
        answers = drive.step(
            drive.window("a", lidar=[car(20.0)]), drive.window("b", lidar=[car(20.0)])
        )
    ids = [each.object_id for answer in answers for each in answer.objects or ()]
    assert len(set(ids)) == 2


def test_state_that_cannot_be_read_lets_the_session_begin_anew() -> None:
    drive = Drive()
    drive.states["v"] = b"no tracks"
    assert len(drive.follow(5)[-1].objects or ()) == 1


def test_a_window_of_nothing_is_answered() -> None:
    drive = Drive()
    (answer,) = drive.step(drive.window())
    assert answer.objects == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": {"kind": "sliding", "size": "200ms", "every": "100ms"}}, "sliding"),
        (
            {
                "inputs": {"lidar": {"modality": "objects", "matcher": {"kind": "hold"}}},
                "objects": {},
            },
            "each list once",
        ),
    ],
)
def test_a_pipeline_that_would_give_a_list_twice_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        model(**changes)


def test_state_is_of_another_kind_with_other_parameters(tmp_path: Path) -> None:
    text = Parameters(max_tracks=17).model_dump_json().encode()
    (tmp_path / "other.json").write_bytes(text)
    described = json.loads((SHIPPED / "drive" / "model.json").read_bytes())
    described |= {"parameters": "other.json", "sha256": hashlib.sha256(text).hexdigest()}
    (tmp_path / "model.json").write_text(json.dumps(described))
    other = ObjectFusionModel(read_tracking_model(tmp_path), DRIVE)
    assert other.states != model().states
    assert other.features == model().features


def test_parameters_that_are_not_the_ones_described_are_refused(tmp_path: Path) -> None:
    for name in ("model.json", "parameters.json"):
        (tmp_path / name).write_bytes((SHIPPED / "drive" / name).read_bytes())
    (tmp_path / "parameters.json").write_text("{}")
    with pytest.raises(ModelError, match="digest mismatch"):
        read_tracking_model(tmp_path)


def test_the_shipped_model_is_opened_by_its_name() -> None:
    where = Surroundings({"lidar": Modality.OBJECTS}, device="cpu", pipeline=DRIVE)
    assert open_model(DRIVE.model, where).ref.name == "drive"


def test_other_precisions_are_refused() -> None:
    where = Surroundings({"lidar": Modality.OBJECTS}, device="cpu", pipeline=DRIVE)
    with pytest.raises(ModelError, match="float64"):
        open_model(DRIVE.model.model_copy(update={"precision": "bfloat16"}), where)
