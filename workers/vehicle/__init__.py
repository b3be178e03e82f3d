"""Perception for driving: what is around the vehicle, from camera, lidar and radar."""
