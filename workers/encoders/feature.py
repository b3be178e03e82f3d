"""The feature on the wire: FEATURE_SIZE values, float16 little-endian."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.encoders.base import FEATURE_SIZE

_WIRE = np.dtype("<f2")
#: Bytes of one feature.
FEATURE_BYTES = FEATURE_SIZE * _WIRE.itemsize


def to_wire(feature: NDArray[np.float32]) -> bytes:
    """One finite feature (FEATURE_SIZE,) as FEATURE_BYTES bytes, each value rounded to nearest."""
    return feature.astype(_WIRE).tobytes()


def from_wire(features: list[bytes]) -> NDArray[np.float32]:
    """Features as float32 (n, FEATURE_SIZE).

    Raises ``ValueError`` where one has another length: it was written by another kind of model.
    """
    for feature in features:
        if len(feature) != FEATURE_BYTES:
            raise ValueError(f"expected features of {FEATURE_BYTES} bytes, got {len(feature)}")
    values = np.frombuffer(b"".join(features), _WIRE).reshape(-1, FEATURE_SIZE)
    return values.astype(np.float32)
