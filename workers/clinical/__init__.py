"""Clinical scores, computed from vital signs by published rules."""
