"""Training: scenes in, a model folder out, by the codecs and the aligner that also serve."""
