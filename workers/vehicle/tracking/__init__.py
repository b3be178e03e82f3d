"""Detections of cameras, lidars and radars become tracked objects.

``Tracker.step`` takes a batch of sessions: each one's state, and what its sensors gave for one
window; it gives the next state, which is a few kilobytes of bytes, and the objects.

>>> import numpy as np
>>> box = BoxList("lidar", 0, np.array([[10.0, 2, 0.8, 4, 1.8, 1.6, 0]]), np.array([0.99]),
...               np.array([0]))
>>> states, objects = Tracker(Parameters()).step([State()], [Observation(0, [box])])
>>> objects[0].number, objects[0].position[0, :2]
(array([1]), array([10.,  2.]))
"""

from workers.vehicle.tracking.detections import (
    BoxList,
    EgoMotion,
    ImageList,
    Observation,
    RadarList,
    SensorList,
    camera_id,
)
from workers.vehicle.tracking.objects import Objects, Status
from workers.vehicle.tracking.parameters import Parameters, load_parameters
from workers.vehicle.tracking.state import State
from workers.vehicle.tracking.tracker import Tracker

__all__ = [
    "BoxList",
    "EgoMotion",
    "ImageList",
    "Objects",
    "Observation",
    "Parameters",
    "RadarList",
    "SensorList",
    "State",
    "Status",
    "Tracker",
    "camera_id",
    "load_parameters",
]
