"""Kinds of context that a plan may name, listed in ``workers.learned.kinds``."""
