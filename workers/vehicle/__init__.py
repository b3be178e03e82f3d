"""Vehicle perception: what sensors saw, as objects with an identity that lasts."""
