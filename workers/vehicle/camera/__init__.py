"""Camera frames to boxes, by a detector that the operator names."""
