"""A rig as frames and camera models, as Foxglove has them.

A camera's projection P (3, 4) is taken apart as K [R | t] by an RQ decomposition (R. Hartley,
A. Zisserman, *Multiple View Geometry*, 2nd ed., section 6.2.4). A camera's frame is x right, y
down, z forward.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.linalg import rq
from scipy.spatial.transform import Rotation

from workers.foxglove.kinds import kind, set_time, set_vector
from workers.vehicle.calibration.rig import Camera, Floats, Rig


def decompose(projection: Floats) -> tuple[Floats, Floats]:
    """K float64 (3, 3) with K[2, 2] = 1 and positive focal lengths, and float64 (4, 4) from the
    rig's frame to the camera's, of a projection float64 (3, 4).
    """
    inner, turn = rq(projection[:, :3])
    # RQ leaves three signs open: focal lengths are positive, and so is what is ahead.
    signs = np.diag(np.where(np.diag(inner) < 0, -1.0, 1.0))
    inner, turn = inner @ signs, signs @ turn
    to_camera = np.eye(4)
    to_camera[:3, :3] = turn
    to_camera[:3, 3] = np.linalg.solve(inner, projection[:, 3])
    if np.linalg.det(turn) < 0:
        # A projection is the same but for a factor, also a negative one.
        to_camera[:3] *= -1.0
    return np.asarray(inner / inner[2, 2], np.float64), to_camera


def frame_transform(parent: str, child: str, to_parent: Floats, at_us: int) -> Any:
    """``FrameTransform`` of a child frame; ``to_parent`` float64 (4, 4), rigid."""
    message = kind("FrameTransform")(parent_frame_id=parent, child_frame_id=child)
    set_time(message.timestamp, at_us)
    set_vector(message.translation, *to_parent[:3, 3])
    x, y, z, w = Rotation.from_matrix(to_parent[:3, :3]).as_quat()
    message.rotation.x, message.rotation.y = float(x), float(y)
    message.rotation.z, message.rotation.w = float(z), float(w)
    return message


def camera_calibration(
    sensor: str, camera: Camera, size: tuple[int, int] | None, at_us: int
) -> Any:
    """``CameraCalibration`` of a camera without lens distortion; ``size`` in pixels where the rig
    does not know it.
    """
    inner, _ = decompose(camera.projection)
    width, height = camera.size or size or (0, 0)
    message = kind("CameraCalibration")(frame_id=sensor, width=width, height=height)
    set_time(message.timestamp, at_us)
    message.K.extend(inner.ravel().tolist())
    message.R.extend(np.eye(3).ravel().tolist())
    message.P.extend(np.hstack([inner, np.zeros((3, 1))]).ravel().tolist())
    return message


def transforms(rig: Rig, sensors: Iterable[str], at_us: int) -> list[Any]:
    """Where the frames of sensors are in the rig's. One that the rig does not know is in the rig's
    frame, as it is for whoever tracks with that rig.
    """
    found = []
    for sensor in sensors:
        if sensor in rig.cameras:
            _, to_camera = decompose(rig.cameras[sensor].projection)
            to_rig = np.asarray(np.linalg.inv(to_camera), np.float64)
        else:
            to_rig = rig.to_frame.get(sensor, np.eye(4))
        if sensor != rig.frame:
            found.append(frame_transform(rig.frame, sensor, to_rig, at_us))
    return found
