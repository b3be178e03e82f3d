"""Inference: one model behind ``streams.compute.Compute``, batched, with bad samples kept apart."""
