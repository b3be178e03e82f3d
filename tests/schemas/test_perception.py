"""How a pipeline file says what its raw inputs become."""

from __future__ import annotations

import pytest

from schemas.errors import PipelineFileError
from schemas.perception import LidarClusters, OnnxDetector
from schemas.pipeline import Pipeline
from schemas.pipeline_file import parse_pipeline

TEXT = """
pipeline: drive
inputs:
  camera: {{modality: video}}
  lidar: {{modality: points}}
window: {{size: 100ms}}
model: {{name: drive}}
perception:
  {perception}
"""


def pipeline(perception: str) -> Pipeline:
    return parse_pipeline(TEXT.format(perception=perception), "drive.yaml")


def test_a_camera_takes_a_detector_and_a_lidar_clusters() -> None:
    camera = "camera: {kind: onnx, file: d.onnx, layout: yolov8, labels: [car, person]}"
    found = pipeline(f"{camera}\n  lidar: {{kind: clusters, cell_m: 0.4}}").perception
    assert found["camera"] == OnnxDetector(file="d.onnx", layout="yolov8", labels=("car", "person"))
    assert found["lidar"] == LidarClusters(cell_m=0.4)


@pytest.mark.parametrize(
    ("perception", "expected"),
    [
        ("radar: {kind: clusters}", "perception.radar: expected the name of an input"),
        ("camera: {kind: clusters}", "clusters takes points"),
        ("lidar: {kind: clusters, cell: 0.4}", "cell_m"),
        ("camera: {kind: onnx, file: d.onnx, layout: ssd, labels: [a]}", "layout"),
        ("camera: {kind: magic}", "kind"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_the_key(perception: str, expected: str) -> None:
    with pytest.raises(PipelineFileError, match=expected):
        pipeline(perception)
