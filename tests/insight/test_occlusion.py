"""Heat by covering: right for a model of which nothing is known but its answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import BadSample, Fusion
from tests.insight.windows import AddingModel
from tests.workers.payloads import encoded, sample
from workers.backends.base import Decoded
from workers.errors import ModelError
from workers.insight.heat import Heat
from workers.insight.occlusion import occlusion

WIDTH, HEIGHT = 160, 120
#: Left, top, side of what the model looks at, pixels.
SPOT = (100, 20, 30)


class SpotModel(AddingModel):
    """Says yes the more, the brighter the spot is; of several frames the brightest counts."""

    def decode(self, sample: Sample) -> Decoded | BadSample:
        return cv2.imdecode(np.frombuffer(sample.payload, np.uint8), cv2.IMREAD_GRAYSCALE)

    def encode(self, modality: Modality, decoded: Sequence[Decoded]) -> Sequence[bytes]:
        left, top, side = SPOT
        return [
            str(float(one[top : top + side, left : left + side].mean())).encode() for one in decoded
        ]

    def fuse(self, windows: Sequence[Window]) -> Sequence[Fusion]:
        self.batches.append(list(windows))
        return [self._answer(one) for one in windows]

    def _answer(self, one: Window) -> Fusion:
        brightest = max(float(each.feature) for each in one.samples)
        yes = 1.0 / (1.0 + math.exp(-(brightest - 120.0) / 20.0))
        return Fusion({"answer": {"no": 1.0 - yes, "yes": yes}, "else": {"a": 0.5, "b": 0.5}}, {})


def frame(extension: str = ".png") -> bytes:
    """Dark, with something bright where the model looks."""
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    left, top, side = SPOT
    picture[top : top + side, left : left + side] = 230
    return encoded(picture, extension)


def heat_of(
    model: AddingModel, count: int = 1, task: str = "answer", extension: str = ".png"
) -> Heat:
    kind = "image/png" if extension == ".png" else "image/jpeg"
    frames: dict[WindowSample, Sample] = {}
    for at in range(count):
        read = sample(Modality.VIDEO, kind, frame(extension), offset=at, sensor="cam")
        (feature,) = model.encode(Modality.VIDEO, [model.decode(read)])
        frames[WindowSample("cam", "input", at, at, at, feature)] = read
    window = Window(0, "s", 0, 1_000_000, tuple(frames), {}, 0)
    label = "yes" if task == "answer" else "a"
    return occlusion(model, window, frames, task, label, max_batch=16)


@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_the_hottest_place_is_what_the_model_looks_at(extension: str) -> None:
    (grid,) = heat_of(SpotModel(), extension=extension).grids.values()
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    x, y = (column + 0.5) * WIDTH / grid.shape[1], (row + 0.5) * HEIGHT / grid.shape[0]
    left, top, side = SPOT
    assert left <= x <= left + side
    assert top <= y <= top + side


def test_a_label_that_the_frame_has_no_part_in_has_no_heat() -> None:
    assert heat_of(SpotModel(), task="else").hottest == 0.0


def test_what_several_frames_show_is_covered_in_all_of_them() -> None:
    # Covered in one frame only, the other would still show it.
    grids = list(heat_of(SpotModel(), count=3).grids.values())
    assert len(grids) == 3
    assert all(float(grid.max()) > 0.2 for grid in grids)


def test_a_window_is_fused_at_most_50_times_in_batches() -> None:
    model = SpotModel()
    heat_of(model, count=3)
    sizes = [len(batch) for batch in model.batches]
    assert sum(sizes) <= 50
    assert max(sizes) <= 16


def test_a_model_that_refuses_a_covered_frame_is_an_error() -> None:
    class Refuses(SpotModel):
        seen = 0

        def decode(self, sample: Sample) -> Decoded | BadSample:
            self.seen += 1
            if self.seen > 1:
                return BadSample("too_grey", "CodecError", "no")
            return super().decode(sample)

    with pytest.raises(ModelError, match="expected a covered frame to be decoded, got too_grey"):
        heat_of(Refuses())


class Unanswering(SpotModel):
    """Has no answer to windows from the second on."""

    def fuse(self, windows: Sequence[Window]) -> Sequence[Fusion]:
        first = not self.batches
        answers = list(super().fuse(windows))
        none = Fusion({}, {}, failure="request_refused")
        return [each if first and not at else none for at, each in enumerate(answers)]


def test_a_covered_frame_that_the_model_has_no_answer_to_is_an_error() -> None:
    with pytest.raises(ModelError, match="a part of its picture covered, got request_refused"):
        heat_of(Unanswering())
