"""The domain behind the engine's port: samples in, results, events and dead letters out."""
