"""The tracker's parameters from labelled sequences: `python -m workers.vehicle.fit --help`."""
