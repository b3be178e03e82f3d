"""Everything at once on this machine: servers, workers, simulated feeds, and what comes out."""
