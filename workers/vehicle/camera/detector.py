"""Runs an ONNX detector over camera frames."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.payloads import DetectedObject
from schemas.perception import OnnxDetector
from workers.backends.extras import require
from workers.errors import ModelError
from workers.vehicle.camera.layouts import Raw, read_output

Frame = NDArray[np.uint8]
#: What a list holds at most, the surest first.
MAX_OBJECTS = 256
#: Boxes that are looked at for overlaps; a detector gives thousands, nearly all of them unsure.
_MOST_CANDIDATES = 2_000
#: The border of a letterboxed frame.
_GREY = 114
#: A detector's file is at most so large: the largest of the YOLO family have a quarter of it.
_MAX_FILE_BYTES = 1 << 30


class Detector:
    """One detector, ready to run. ``detect`` may be called by one thread at a time."""

    def __init__(self, spec: OnnxDetector, *, threads: int = 1) -> None:
        """``threads``: of one operator.

        Raises ``ModelError``: no such file, of another digest, not an ONNX detector, or onnxruntime
        is not installed.
        """
        self._spec = spec
        self._labels = _labels(spec)
        path = Path(spec.file)
        blob = _read(path, spec.sha256)
        self.digest = hashlib.sha256(blob).hexdigest()
        self._name = path.name
        self._session = _session(self._name, blob, threads)
        self._input = self._session.get_inputs()[0].name

    def detect(self, frame: Frame) -> list[DetectedObject]:
        """What is in a frame, surest first; boxes in the frame's pixels, cut to it.

        ``frame``: uint8 (height, width, 3), RGB. Raises ``ModelError`` where the output is not what
        the layout says, ``NonFiniteError`` where it is NaN or infinite.
        """
        spec = self._spec
        pixels, scale, shift = _fit(frame, spec)
        tensor = pixels.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(spec.divide_by)
        try:
            output = self._session.run(None, {self._input: tensor})[0]
        except Exception as error:
            raise ModelError(
                self._name, f"it cannot be run on frames of {spec.size}: {_first_line(error)}"
            ) from None
        raw = read_output(
            self._name, spec.layout, np.asarray(output)[0], spec.size, len(self._labels)
        )
        kept = _sure(raw, spec)
        height, width = frame.shape[:2]
        limits = np.array([width, height, width, height], np.float32)
        boxes = np.clip((kept.boxes - np.tile(shift, 2)) / np.tile(scale, 2), 0.0, limits)
        found = []
        for box, score, label in zip(boxes, kept.scores, kept.labels, strict=True):
            name = self._class_of(int(label))
            if name is not None and box[2] > box[0] and box[3] > box[1]:
                corners = [round(float(value), 2) for value in box]
                found.append(DetectedObject(name, round(float(score), 4), box2d=corners))
        return found[:MAX_OBJECTS]

    def _class_of(self, label: int) -> str | None:
        if label >= len(self._labels):
            return None
        name = self._labels[label]
        return self._spec.classes.get(name) if self._spec.classes else name


def _labels(spec: OnnxDetector) -> tuple[str, ...]:
    if not isinstance(spec.labels, str):
        return spec.labels
    path = Path(spec.labels)
    try:
        names = tuple(path.read_text(encoding="utf-8").split("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(path.name, f"expected a text file of labels: {error}") from None
    names = tuple(name.strip() for name in names if name.strip())
    unknown = sorted(set(spec.classes) - set(names))
    if not names or unknown:
        raise ModelError(path.name, f"expected labels, one a line, among them {unknown or 'one'}")
    return names


def _read(path: Path, sha256: str | None) -> bytes:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ModelError(path.name, f"expected a detector of at most {_MAX_FILE_BYTES} bytes")
        blob = path.read_bytes()
    except OSError as error:
        raise ModelError(str(path), f"expected an ONNX file ({error.strerror})") from None
    if sha256 is not None and (found := hashlib.sha256(blob).hexdigest()) != sha256:
        raise ModelError(path.name, f"expected sha256 {sha256}, got {found}: it is another file")
    return blob


def _session(name: str, blob: bytes, threads: int) -> Any:
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait would take the cores from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(name, f"it is no ONNX model: {_first_line(error)}") from None
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shapes = [each.shape for each in inputs]
        raise ModelError(name, f"expected one input of 4 axes (frames), got {shapes}")
    return session


def _fit(frame: Frame, spec: OnnxDetector) -> tuple[Frame, Any, Any]:
    """The frame in the detector's size and colours; input pixels = frame pixels · scale + shift."""
    width, height = spec.size
    rows, columns = frame.shape[:2]
    if not spec.letterbox:
        resized = cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)
        scale, shift = np.array([width / columns, height / rows]), np.zeros(2)
    else:
        factor = min(width / columns, height / rows)
        inner = (max(1, round(columns * factor)), max(1, round(rows * factor)))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        resized = np.full((height, width, 3), _GREY, np.uint8)
        small = cv2.resize(frame, inner, interpolation=cv2.INTER_LINEAR)
        resized[top : top + inner[1], left : left + inner[0]] = small
        scale, shift = np.array([factor, factor]), np.array([left, top], np.float64)
    pixels = np.asarray(resized, np.uint8)
    return (pixels if spec.colors == "rgb" else pixels[:, :, ::-1]), scale, shift


def _sure(raw: Raw, spec: OnnxDetector) -> Raw:
    """The boxes of at least ``min_score``, surest first, without those that another covers."""
    order = np.argsort(-raw.scores, kind="stable")
    order = order[raw.scores[order] >= spec.min_score][:_MOST_CANDIDATES]
    boxes, scores, labels = raw.boxes[order], raw.scores[order], raw.labels[order]
    area = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    left = np.ones(len(order), np.bool_)
    for index in range(len(order)):
        if left[index]:
            low = np.maximum(boxes[index, :2], boxes[index + 1 :, :2])
            high = np.minimum(boxes[index, 2:], boxes[index + 1 :, 2:])
            common = np.maximum(high - low, 0.0).prod(axis=1)
            union = area[index] + area[index + 1 :] - common
            covered = common > spec.max_overlap * np.maximum(union, 1e-9)
            rivals = labels[index + 1 :] == labels[index] if spec.per_class else True
            left[index + 1 :] &= ~(covered & rivals)
    return Raw(boxes[left], scores[left], labels[left])


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]
