"""Reads a calibration file of whatever kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from workers.errors import CalibrationError
from workers.vehicle.calibration.kitti import parse_kitti
from workers.vehicle.calibration.nuscenes import read_nuscenes
from workers.vehicle.calibration.rig import Rig

_MAX_BYTES = 64_000_000


def read_rig(path: Path, sensors: Mapping[str, str] | None = None) -> Rig:
    """The rig of a file: JSON as of nuScenes samples, otherwise a text file as of KITTI.

    ``sensors``: a pipeline's sensor -> what the file calls it; a sensor without one has the same
    name in both. Raises ``CalibrationError``.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CalibrationError(f"{path}: expected at most {_MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CalibrationError(f"{path}: expected a calibration file ({error.strerror})") from None
    except UnicodeDecodeError:
        raise CalibrationError(f"{path}: expected text, got other bytes") from None
    rig = _read_json(text, path) if text.lstrip()[:1] == "{" else parse_kitti(text, path)
    return _named(rig, sensors or {}, path)


def _read_json(text: str, path: Path) -> Rig:
    try:
        tree = json.loads(text)
    except json.JSONDecodeError as error:
        raise CalibrationError(f"{path}:{error.lineno}: expected JSON: {error.msg}") from None
    return read_nuscenes(tree, path)


def _named(rig: Rig, sensors: Mapping[str, str], path: Path) -> Rig:
    known = {*rig.cameras, *rig.to_frame}
    for sensor, name in sensors.items():
        if name not in known and name != rig.frame:
            raise CalibrationError(
                f"{path}: {sensor}: expected one of {', '.join(sorted(known))}, got {name!r}"
            )
    cameras = dict(rig.cameras)
    to_frame = dict(rig.to_frame)
    for sensor, name in sensors.items():
        if name in rig.cameras:
            cameras[sensor] = rig.cameras[name]
        elif name in rig.to_frame:
            to_frame[sensor] = rig.to_frame[name]
    return replace(rig, cameras=cameras, to_frame=to_frame)
