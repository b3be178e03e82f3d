"""Samples of cameras and lidars as Foxglove's messages."""

from __future__ import annotations

from typing import Any

from schemas.content_type import parse_content_type
from schemas.sample import Modality
from streams.feed.item import FeedItem
from workers.foxglove.kinds import kind, set_time

_FORMATS = {"image/jpeg": "jpeg", "image/png": "png"}
_FLOAT32_BYTES = 4
_FIELDS = {"x": "x", "y": "y", "z": "z", "i": "intensity"}


def sensor_message(item: FeedItem, modality: Modality) -> Any | None:
    """The message of a frame (``CompressedImage``) or a sweep (``PointCloud``) in the frame that is
    named after its sensor; ``None`` for anything else, and for payloads of other forms.
    """
    content = parse_content_type(item.content_type)
    if content.base in _FORMATS:
        image = kind("CompressedImage")(
            frame_id=item.sensor, data=item.payload, format=_FORMATS[content.base]
        )
        set_time(image.timestamp, item.start_us)
        return image
    fields = content.parameters.get("fields", "xyzi")
    known = content.parameters.get("dtype", "f32le") == "f32le" and set(fields) <= set(_FIELDS)
    stride = _FLOAT32_BYTES * len(fields)
    if modality is not Modality.POINTS or not known or len(item.payload) % stride:
        return None
    cloud = kind("PointCloud")(frame_id=item.sensor, point_stride=stride, data=item.payload)
    set_time(cloud.timestamp, item.start_us)
    cloud.pose.orientation.w = 1.0
    number_type = kind("PackedElementField").FLOAT32
    for position, letter in enumerate(fields):
        cloud.fields.add(name=_FIELDS[letter], offset=position * _FLOAT32_BYTES, type=number_type)
    return cloud
