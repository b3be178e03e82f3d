"""Checks of everything a worker needs, each with what to do about what it found."""
