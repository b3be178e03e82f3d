"""Encoders that a plan may name: one kind a module, listed in ``workers.learned.kinds``."""
