"""What an answer rests on: the share of each modality and sensor, and where in a frame."""
