"""What a pipeline file says of how raw sensors become object lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from schemas.sample import Modality
from schemas.spelling import Spelling
from schemas.strict import Strict

#: An axis-aligned span of pixels.
Pixels = Annotated[int, Field(ge=32, le=4096)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
ClassName = Annotated[
    str,
    Spelling(
        r"^[A-Za-z][A-Za-z0-9_. -]{0,47}$",
        "at most 48 letters, digits, spaces, '.', '_' and '-', the first a letter",
    ),
]
Digest = Annotated[str, Spelling(r"^[0-9a-f]{64}$", "64 hex digits in lower case")]


class OnnxDetector(Strict):
    """A detector of the operator's own as an ONNX file, which finds 2-D boxes in camera frames.

    A relative path starts at the pipeline file's folder.

    ``layout``: what its output means, for one frame:
    ``boxes``: (n, 6), x1 y1 x2 y2 in input pixels, score, class: detectors that end in NMS;
    ``yolov5``: (n, 5 + classes), centre x y, width, height in input pixels, objectness, classes;
    ``yolov8``: (4 + classes, n), centre x y, width, height in input pixels, classes;
    ``fastestdet``: (5 + classes, rows, columns), see ``workers.vehicle.camera.layouts``.
    """

    kind: Literal["onnx"] = "onnx"
    file: str = Field(min_length=1)
    #: The file's digest, hex; compared before it is opened where it is given.
    sha256: Digest | None = None
    layout: Literal["boxes", "yolov5", "yolov8", "fastestdet"]
    #: Width and height that a frame is resized to.
    size: tuple[Pixels, Pixels] = (640, 640)
    #: Whether the frame keeps its shape, with a border of grey, when it is resized.
    letterbox: bool = False
    colors: Literal["rgb", "bgr"] = "rgb"
    #: Pixel values, 0 to 255, are divided by this.
    divide_by: float = Field(default=255.0, gt=0.0)
    #: What its classes are called, in its order: names, or a text file with one a line.
    labels: tuple[ClassName, ...] | str = Field(min_length=1)
    #: Detector's name of a class -> ours (car, van, truck, bus, pedestrian, cyclist, …). Classes
    #: that are not named are left out; all are kept, by their own names, where this is empty.
    classes: dict[ClassName, ClassName] = Field(default_factory=dict)
    min_score: Share = 0.3
    #: Of two boxes that overlap by more, the surer one stays.
    max_overlap: Share = 0.45
    #: Whether boxes of different classes may lie on each other.
    per_class: bool = False

    def with_paths(self, folder: Path) -> OnnxDetector:
        """The same with its files placed: relative paths start at ``folder``."""
        placed: dict[str, object] = {"file": str(folder / self.file)}
        if isinstance(self.labels, str):
            placed["labels"] = str(folder / self.labels)
        return self.model_copy(update=placed)


class LidarClusters(Strict):
    """Objects in lidar sweeps by clustering, without learnt weights."""

    kind: Literal["clusters"] = "clusters"
    #: Of the lidar over the road.
    sensor_height_m: float = Field(default=1.73, gt=0.1, lt=10.0)
    max_range_m: float = Field(default=75.0, gt=1.0, le=300.0)
    cell_m: float = Field(default=0.3, gt=0.02, le=2.0)
    least_points: int = Field(default=8, ge=1, le=10_000)
    #: How likely an object has to be of the kind that its size suggests.
    min_score: float = Field(default=0.0, ge=0.0, lt=1.0)
    #: Whether objects of no known size are listed, as ``unknown``.
    unknown: bool = False

    def with_paths(self, folder: Path) -> LidarClusters:
        """The same: it names no file."""
        del folder
        return self


#: Which modalities each kind takes.
TAKES: dict[str, tuple[Modality, ...]] = {
    "onnx": (Modality.VIDEO, Modality.IMAGE),
    "clusters": (Modality.POINTS,),
}
#: How the samples of an input become object lists.
Perceiver = Annotated[OnnxDetector | LidarClusters, Field(discriminator="kind")]
