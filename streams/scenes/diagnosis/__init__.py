"""A patient on a ward: chest pictures, vital signs and notes. Simulated; no medical meaning."""
