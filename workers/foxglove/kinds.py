"""Foxglove's message classes by name, and times and turns as they have them."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from streams.record.extra import require


@cache
def kind(name: str) -> Any:
    """The protobuf class ``foxglove.<name>``. Raises ``RecordError`` without the extra ``mcap``."""
    return getattr(require(f"foxglove_schemas_protobuf.{name}_pb2"), name)


def set_time(field: Any, at_us: int) -> None:
    """Write epoch microseconds into a ``google.protobuf.Timestamp``."""
    field.seconds, rest_us = divmod(at_us, 1_000_000)
    field.nanos = rest_us * 1_000


def set_vector(field: Any, x: float, y: float, z: float) -> None:
    """Write a position or a size."""
    field.x, field.y, field.z = float(x), float(y), float(z)


def set_yaw(field: Any, yaw: float) -> None:
    """Write a turn about z, counter-clockwise from x in radians, into a quaternion."""
    field.x = field.y = 0.0
    field.z, field.w = math.sin(yaw / 2), math.cos(yaw / 2)


def set_color(field: Any, color: tuple[float, float, float], opacity: float) -> None:
    """Write a colour, 0 to 1."""
    field.r, field.g, field.b = color
    field.a = opacity
