"""Forms of fusion that a plan may name, listed in ``workers.learned.kinds``."""
