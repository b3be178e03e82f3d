"""Where in a frame the evidence for a label is, for a model of which only the answers are known.

Occlusion (Zeiler and Fergus, ECCV 2014): a patch of the picture is covered in grey and the label's
probability falls by as much as what was under it mattered. The same place is covered in all of a
sensor's frames at once, since any one of them says what the next one says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import BadSample
from workers.backends.base import Model
from workers.errors import ModelError
from workers.insight.heat import Grid, Heat, Method
from workers.insight.overlay import Picture
from workers.insight.pictures import frame_of

METHOD = Method("occlusion", "Zeiler and Fergus, ECCV 2014", "probability")
#: Cells along a frame's longer side. A patch covers 2 by 2 of them and moves by one, so a window
#: is fused at most 49 times more for each sensor.
_CELLS = 8
_PATCH = 2
_JPEG_QUALITY = 95

#: Row and column of a patch's first cell.
_Place = tuple[int, int]


def occlusion(
    model: Model,
    window: Window,
    samples: Mapping[WindowSample, Sample],
    task: str,
    label: str,
    *,
    max_batch: int,
) -> Heat:
    """Heat of each frame and still in ``samples``, the same for all of a sensor.

    ``samples``: of the window, with their payloads. Raises what the model raises, and
    ``ModelError`` where it refuses a covered frame or another model answered in between.
    """
    grids: dict[WindowSample, Grid] = {}
    seen = {
        one: sample
        for one, sample in samples.items()
        if sample.modality in (Modality.VIDEO, Modality.IMAGE)
    }
    for sensor in dict.fromkeys(one.sensor for one in seen):
        frames = {one: sample for one, sample in seen.items() if one.sensor == sensor}
        grid = _of_sensor(model, window, frames, task, label, max_batch)
        grids |= dict.fromkeys(frames, grid)
    return Heat(METHOD, grids)


def _of_sensor(
    model: Model,
    window: Window,
    frames: Mapping[WindowSample, Sample],
    task: str,
    label: str,
    max_batch: int,
) -> Grid:
    pictures = {one: frame_of(sample.payload) for one, sample in frames.items()}
    shape = _shape(next(iter(pictures.values())))
    places = list(_places(shape))

    def covered(place: _Place | None) -> Window:
        return _with_features(
            window,
            {
                one: _encoded(model, sample, _cover(pictures[one], place, shape))
                for one, sample in frames.items()
            },
        )

    # The frames are compressed once more; so is the picture that nothing is covered of.
    windows = [covered(None), *(covered(place) for place in places)]
    answers = [
        answer
        for first in range(0, len(windows), max_batch)
        for answer in model.fuse(windows[first : first + max_batch])
    ]
    if any(answer.model != answers[0].model for answer in answers):
        raise ModelError(model.ref.name, "a fall-back answered in between; try again")
    if failure := next((each.failure for each in answers if each.failure is not None), None):
        raise ModelError(
            model.ref.name,
            f"expected an answer to the window with a part of its picture covered, got {failure}",
        )
    found = [answer.tasks[task][label] for answer in answers]
    falls = [max(0.0, found[0] - one) for one in found[1:]]
    return _spread(shape, places, falls)


def _shape(picture: Picture) -> tuple[int, int]:
    """Rows and columns of the grid."""
    height, width = picture.shape[:2]
    longer = max(height, width)
    return max(_PATCH, round(_CELLS * height / longer)), max(_PATCH, round(_CELLS * width / longer))


def _places(shape: tuple[int, int]) -> Iterator[_Place]:
    for row in range(shape[0] - _PATCH + 1):
        for column in range(shape[1] - _PATCH + 1):
            yield row, column


def _cover(picture: Picture, place: _Place | None, shape: tuple[int, int]) -> Picture:
    """The picture with a patch in its mean colour."""
    if place is None:
        return picture
    height, width = picture.shape[:2]
    rows = slice(place[0] * height // shape[0], (place[0] + _PATCH) * height // shape[0])
    columns = slice(place[1] * width // shape[1], (place[1] + _PATCH) * width // shape[1])
    covered = picture.copy()
    covered[rows, columns] = picture.mean(axis=(0, 1)).astype(np.uint8)
    return covered


def _encoded(model: Model, sample: Sample, picture: Picture) -> bytes:
    extension = ".png" if sample.payload.startswith(b"\x89PNG") else ".jpg"
    done, data = cv2.imencode(extension, picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert done, f"OpenCV was built without {extension}"
    decoded = model.decode(msgspec.structs.replace(sample, payload=data.tobytes()))
    if isinstance(decoded, BadSample):
        raise ModelError(
            model.ref.name, f"expected a covered frame to be decoded, got {decoded.reason}"
        )
    (feature,) = model.encode(sample.modality, [decoded])
    return feature


def _with_features(window: Window, features: Mapping[WindowSample, bytes]) -> Window:
    samples = tuple(
        msgspec.structs.replace(one, feature=features.get(one, one.feature))
        for one in window.samples
    )
    return msgspec.structs.replace(window, samples=samples)


def _spread(shape: tuple[int, int], places: Sequence[_Place], falls: Sequence[float]) -> Grid:
    """Each cell's mean over the patches that cover it."""
    total: NDArray[np.float64] = np.zeros(shape)
    count: NDArray[np.float64] = np.zeros(shape)
    for (row, column), fall in zip(places, falls, strict=True):
        patch = (slice(row, row + _PATCH), slice(column, column + _PATCH))
        total[patch] += fall
        count[patch] += 1.0
    return np.asarray(total / count, np.float32)
