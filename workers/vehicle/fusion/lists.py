"""An object list, or a reading of the vehicle's own motion, as the feature of its sample."""

from __future__ import annotations

from enum import IntEnum

import msgspec
import numpy as np

from workers.vehicle.tracking.detections import Floats


class Holds(IntEnum):
    """What a feature is of."""

    NOTHING = 0
    BOXES = 1
    IMAGE = 2
    RADAR = 3
    EGO = 4


#: What a row has of each: place, size, yaw, box in the image; a box in the image; range, bearing,
#: range rate; each with score and class. Speed and yaw rate have neither.
WIDTHS = {Holds.NOTHING: 0, Holds.BOXES: 13, Holds.IMAGE: 6, Holds.RADAR: 4, Holds.EGO: 2}


class Listing(msgspec.Struct, frozen=True, array_like=True):
    """``rows``: float64 little-endian, (n, ``WIDTHS``), row by row; NaN where not known.
    ``camera``: whose image the boxes of objects in space are in. ``mount``: a radar's x, y, yaw.
    """

    holds: Holds
    rows: bytes
    camera: str | None = None
    mount: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def array(self) -> Floats:
        """float64 (n, width)."""
        width = WIDTHS[self.holds]
        if not width:
            return np.zeros((0, 0))
        return np.frombuffer(self.rows, "<f8").reshape(-1, width)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Listing)


def listing(holds: Holds, rows: Floats, camera: str | None = None) -> Listing:
    """``rows``: float64 (n, width of what it holds)."""
    return Listing(holds, np.ascontiguousarray(rows, "<f8").tobytes(), camera)


def pack(found: Listing) -> bytes:
    """The feature of a sample."""
    return _encoder.encode(found)


def unpack(feature: bytes) -> Listing:
    """What ``pack`` packed. Raises ``msgspec.MsgspecError`` for other bytes."""
    return _decoder.decode(feature)
