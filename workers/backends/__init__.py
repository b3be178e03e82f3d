"""Models of every kind behind one protocol, ``base.Model``."""
