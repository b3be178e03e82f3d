"""Perception for driving: what is around the car, from camera, lidar and radar."""
