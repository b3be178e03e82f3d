"""What a session's tracks are between two windows, as bytes that are the same everywhere."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.errors import TrackingError

MAGIC: Final = b"TRK1"
#: The most classes that a track can be told apart by.
MAX_CLASSES: Final = 8
#: Rows of the upper triangle of a covariance of position and velocity.
UPPER: Final = np.triu_indices(6)

#: One track. Values are kept in single precision: a tenth of a millimetre at 1 km, at half the
#: bytes; the state is rounded after every window, whether or not it is then written down.
TRACK: Final = np.dtype(
    [
        ("number", "<i8"),
        ("born_us", "<i8"),
        ("seen_us", "<i8"),
        ("mean", "<f4", (6,)),
        ("upper", "<f4", (21,)),
        ("size", "<f4", (3,)),
        ("size_var", "<f4"),
        ("yaw", "<f4"),
        ("yaw_var", "<f4"),
        ("edge", "<f4", (4,)),
        ("rate", "<f4", (4,)),
        ("edge_var", "<f4", (4, 3)),
        ("camera", "<u4"),
        ("existence", "<f4"),
        ("classes", "<f4", (MAX_CLASSES,)),
        ("placed", "u1"),
        ("status", "u1"),
        ("ever", "u1"),
        ("again", "u1"),
    ]
)
#: Magic, tracks, time, next number, ego speed, whether velocities are over ground.
_HEADER: Final = struct.Struct("<4sIqqd?")


def _no_tracks() -> NDArray[np.void]:
    return np.zeros(0, TRACK)


@dataclass(frozen=True, slots=True)
class State:
    """All tracks of one session. ``tracks``: rows of ``TRACK``, ascending by number.

    ``time_us``: the moment that they hold for, None before the first window. ``next_number``: of
    the next track; numbers start at 1 and none is given twice. ``over_ground``: velocities are
    over ground, the car having moved at ``speed_mps``; else they are relative to the car.
    """

    time_us: int | None = None
    next_number: int = 1
    over_ground: bool = False
    speed_mps: float = 0.0
    tracks: NDArray[np.void] = field(default_factory=_no_tracks)

    def to_bytes(self) -> bytes:
        """33 bytes and 280 for each track; ``from_bytes`` gives the same state back."""
        header = _HEADER.pack(
            MAGIC,
            len(self.tracks),
            -1 if self.time_us is None else self.time_us,
            self.next_number,
            self.speed_mps,
            self.over_ground,
        )
        return header + self.tracks.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> State:
        """Raises ``TrackingError`` for bytes that ``to_bytes`` of this version did not write."""
        if len(data) < _HEADER.size or data[:4] != MAGIC:
            raise TrackingError(
                f"expected a session's tracks, beginning with {MAGIC!r}, got {len(data)} bytes "
                f"that begin with {data[:4]!r}; the session has to start over"
            )
        _, count, time_us, number, speed, over_ground = _HEADER.unpack_from(data)
        if len(data) != _HEADER.size + count * TRACK.itemsize:
            raise TrackingError(
                f"expected {count} tracks of {TRACK.itemsize} bytes, got "
                f"{len(data) - _HEADER.size} bytes; the session has to start over"
            )
        tracks = np.frombuffer(data, TRACK, count, _HEADER.size)
        return cls(None if time_us < 0 else time_us, number, over_ground, speed, tracks)
