"""Models by name and version: where they lie, which one is active, and how another takes over."""
