"""Simulated scenes: worlds that know the truth and render what sensors would give of it."""
