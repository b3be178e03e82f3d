"""How somebody speaks, as numbers: descriptors of short frames, and what is told of many."""
