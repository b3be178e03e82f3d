"""Random changes of a decoded sample that leave its labels true."""

from __future__ import annotations

import numpy as np

from schemas.sample import Modality
from workers.codecs import series
from workers.encoders.base import Array

#: Largest shift of a picture, pixels of the decoded form.
_SHIFT = 4
#: Share of a text's n-grams that are left out: no single one may decide.
_TEXT_DROP = 0.15


def _picture(image: Array, rng: np.random.Generator) -> Array:
    """Other light, other colors, a small shift, and half of the time the mirror image."""
    channels = image.shape[2]
    gain = np.asarray(rng.uniform(0.85, 1.18, channels) * rng.uniform(0.75, 1.3), np.float32)
    offset = rng.uniform(-20.0, 20.0)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    rows, columns = rng.integers(-_SHIFT, _SHIFT + 1, 2)
    image = np.roll(image, (int(rows), int(columns)), (0, 1))
    changed = image * gain + np.float32(offset)
    return np.asarray(np.clip(changed, 0, 255), np.uint8)


def _signals(vector: Array, rng: np.random.Generator) -> Array:
    """Half of the time without some of the channels: monitors come unplugged one lead at a time."""
    if rng.random() < 0.5:
        return vector
    kept = rng.random(series.SLOTS) < rng.random()
    return np.asarray(vector * np.repeat(kept, series.STATISTICS), vector.dtype)


def augment(modality: Modality, array: Array, rng: np.random.Generator) -> Array:
    """A changed copy of the same form; modalities without a safe change pass through.

    Objects and points keep their places, since the answer is about where things are; signals keep
    the values that they have, since those are the answer.
    """
    if modality in (Modality.VIDEO, Modality.IMAGE):
        return _picture(array, rng)
    if modality is Modality.SERIES:
        return _signals(array, rng)
    if modality is Modality.TEXT:
        return array[rng.random(len(array)) >= _TEXT_DROP]
    return array
