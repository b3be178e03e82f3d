"""The root folder of a KITTI raw drive as its camera and lidar tracks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from streams.errors import FeedError
from streams.feed.folder import folder_tracks
from streams.feed.track import ReadOptions, Track

_CAMERAS = ("image_00", "image_01", "image_02", "image_03")
#: Full sweeps, or the part of them in the camera's view; the first that is there.
_LIDARS = ("velodyne_points", "velodyne_fov")


def is_drive(path: Path) -> bool:
    """Whether a folder is a drive's root: it has a camera's or the lidar's folder."""
    return any((path / name).is_dir() for name in (*_CAMERAS, *_LIDARS))


def drive_tracks(path: Path, options: ReadOptions) -> list[Track]:
    """A track per camera and one of the lidar, labelled by folder."""
    folders = [path / name for name in _CAMERAS if (path / name).is_dir()]
    folders += [path / name for name in _LIDARS if (path / name).is_dir()][:1]
    tracks = [
        replace(track, label=folder.name)
        for folder in folders
        for track in folder_tracks(folder, options)
    ]
    if len({track.clock for track in tracks}) > 1:
        raise FeedError(
            f"{path}: expected relative or absolute times, got both; give all folders the same"
        )
    return tracks
