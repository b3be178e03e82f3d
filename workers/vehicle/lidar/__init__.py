"""Lidar sweeps to boxes, without learnt weights."""
