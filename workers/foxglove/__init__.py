"""Recordings as MCAP files with Foxglove's schemas, which Foxglove draws: the extra ``mcap``."""
