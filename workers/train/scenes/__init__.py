"""Training of the reference architecture on simulated scenes."""
