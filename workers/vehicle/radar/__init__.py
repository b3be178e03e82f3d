"""Radar returns, with the car's own speed taken out of them."""
