"""Detectors that an operator names: what their outputs mean, and how frames are put to them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from schemas.perception import OnnxDetector
from workers.errors import ModelError, NonFiniteError
from workers.vehicle.camera.detector import Detector
from workers.vehicle.camera.layouts import read_output

SIZE = (64, 32)
Floats = NDArray[np.float32]


def detector_file(folder: Path, output: Floats, name: str = "d.onnx") -> Path:
    """A detector that answers ``output`` plus nought times the frame's sum, for any frame."""
    frames = helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1, 3, SIZE[1], SIZE[0]])
    answers = helper.make_tensor_value_info("answers", TensorProto.FLOAT, [1, *output.shape])
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["frames"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "nought"], ["nothing"]),
            helper.make_node("Add", ["constant", "nothing"], ["answers"]),
        ],
        "detector",
        [frames],
        [answers],
        [
            numpy_helper.from_array(output[None].astype(np.float32), "constant"),
            numpy_helper.from_array(np.zeros((), np.float32), "nought"),
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    path = folder / name
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def spec(path: Path, **changes: object) -> OnnxDetector:
    known = {"file": str(path), "layout": "boxes", "size": SIZE, "labels": ("car", "person")}
    return OnnxDetector.model_validate(known | changes)


def frame(width: int = 128, height: int = 64) -> NDArray[np.uint8]:
    return np.zeros((height, width, 3), np.uint8)


def rows(*values: tuple[float, ...]) -> Floats:
    return np.array(values, np.float32)


CAR = (8.0, 4.0, 24.0, 12.0, 0.9, 0.0)


def test_boxes_are_given_in_the_frames_own_pixels(tmp_path: Path) -> None:
    (found,) = Detector(spec(detector_file(tmp_path, rows(CAR)))).detect(frame())
    assert (found.class_, found.score, found.box2d) == ("car", 0.9, [16.0, 8.0, 48.0, 24.0])


def test_a_letterboxed_frame_keeps_its_shape(tmp_path: Path) -> None:
    # A square frame of 64 pixels fills the middle 32 columns at half its size.
    path = detector_file(tmp_path, rows((16.0, 0.0, 32.0, 16.0, 0.9, 0.0)))
    (found,) = Detector(spec(path, letterbox=True)).detect(frame(64, 64))
    assert found.box2d == [0.0, 0.0, 32.0, 32.0]


def test_boxes_are_cut_to_the_frame(tmp_path: Path) -> None:
    path = detector_file(tmp_path, rows((-8.0, -4.0, 80.0, 40.0, 0.9, 0.0)))
    (found,) = Detector(spec(path)).detect(frame())
    assert found.box2d == [0.0, 0.0, 128.0, 64.0]


def test_unsure_boxes_are_left_out(tmp_path: Path) -> None:
    path = detector_file(tmp_path, rows(CAR, (40.0, 4.0, 50.0, 12.0, 0.2, 0.0)))
    assert len(Detector(spec(path)).detect(frame())) == 1


def test_of_boxes_that_overlap_the_surer_one_stays(tmp_path: Path) -> None:
    path = detector_file(tmp_path, rows((8.0, 4.0, 24.0, 12.5, 0.5, 1.0), CAR))
    assert [o.class_ for o in Detector(spec(path)).detect(frame())] == ["car"]
    both = Detector(spec(path, per_class=True)).detect(frame())
    assert [o.class_ for o in both] == ["car", "person"]


def test_classes_are_renamed_and_others_left_out(tmp_path: Path) -> None:
    path = detector_file(tmp_path, rows(CAR, (40.0, 4.0, 50.0, 12.0, 0.8, 1.0)))
    found = Detector(spec(path, classes={"person": "pedestrian"})).detect(frame())
    assert [o.class_ for o in found] == ["pedestrian"]


def test_labels_may_be_a_file(tmp_path: Path) -> None:
    path = detector_file(tmp_path, rows(CAR))
    (tmp_path / "names.txt").write_text("auto\nmensch\n")
    named = spec(Path(path.name), labels="names.txt").with_paths(tmp_path)
    detector = Detector(named)
    assert detector.detect(frame())[0].class_ == "auto"


def test_yolov5_multiplies_objectness_and_class() -> None:
    raw = read_output("d", "yolov5", rows((10, 20, 4, 8, 0.5, 0.1, 0.8)), SIZE, 2)
    assert raw.boxes.tolist() == [[8.0, 16.0, 12.0, 24.0]]
    assert (raw.scores[0], raw.labels[0]) == (pytest.approx(0.4), 1)


def test_yolov8_lies_in_columns() -> None:
    raw = read_output("d", "yolov8", rows((10, 20, 4, 8, 0.1, 0.7)).T, SIZE, 2)
    assert raw.boxes.tolist() == [[8.0, 16.0, 12.0, 24.0]]
    assert (raw.scores[0], raw.labels[0]) == (pytest.approx(0.7), 1)


def test_fastestdet_places_a_box_by_its_cell() -> None:
    output = np.zeros((7, 2, 4), np.float32)
    output[:, 1, 2] = [0.5, 0.0, 0.0, 0.0, 0.0, 0.2, 0.9]
    raw = read_output("d", "fastestdet", output, SIZE, 2)
    best = int(raw.scores.argmax())
    # Column 2 of 4 starts at 32 of 64 pixels, row 1 of 2 at 16 of 32; sigmoid(0) is half the frame.
    assert raw.boxes[best].tolist() == [16.0, 8.0, 48.0, 24.0]
    assert raw.scores[best] == pytest.approx(0.5**0.6 * 0.9**0.4)


@pytest.mark.parametrize("layout", ["boxes", "yolov5", "yolov8", "fastestdet"])
def test_an_output_of_another_shape_names_the_layout(layout: str) -> None:
    with pytest.raises(ModelError, match=f"layout {layout} with 2 labels"):
        read_output("d", layout, np.zeros((3, 3, 3, 3), np.float32), SIZE, 2)


def test_an_output_that_is_not_a_number_is_the_fault_of_its_frame_alone() -> None:
    with pytest.raises(NonFiniteError, match="NaN"):
        read_output("d", "boxes", rows((0, 0, 1, 1, float("nan"), 0)), SIZE, 2)


def test_another_file_than_the_digest_names_is_not_opened(tmp_path: Path) -> None:
    path = detector_file(tmp_path, rows(CAR))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert Detector(spec(path, sha256=digest)).digest == digest
    with pytest.raises(ModelError, match="another file"):
        Detector(spec(path, sha256="0" * 64))


def test_a_file_that_is_no_detector_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "d.onnx"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="no ONNX model"):
        Detector(spec(path))
    with pytest.raises(ModelError, match="expected an ONNX file"):
        Detector(spec(tmp_path / "absent.onnx"))


def test_a_real_detector_finds_the_car_ahead(shared_data: Path) -> None:
    weights = shared_data / "vehicle" / "weights_fastestdet"
    drive = shared_data / "vehicle" / "kitti_raw_2011_09_26_drive_0052"
    detector = Detector(
        OnnxDetector(
            file="FastestDet.onnx", layout="fastestdet", size=(352, 352), colors="bgr",
            labels="coco.names", classes={"car": "car"}, min_score=0.5,
        ).with_paths(weights)
    )  # fmt: skip
    image = cv2.imread(str(drive / "image_02" / "0000000014.jpg"))
    found = detector.detect(np.ascontiguousarray(image[:, :, ::-1]))
    ahead = (553.4, 185.6, 722.9, 345.9)
    assert max(overlap(o.box2d or [], ahead) for o in found) > 0.5


def overlap(first: list[float], second: tuple[float, ...]) -> float:
    low = np.maximum(first[:2], second[:2])
    high = np.minimum(first[2:], second[2:])
    common = float(np.maximum(high - low, 0.0).prod())
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (first, second)]
    return common / (sum(areas) - common)
