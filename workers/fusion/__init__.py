"""Fusion: the tokens of an aligned window in, probabilities per task out."""
