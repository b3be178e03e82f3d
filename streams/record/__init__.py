"""Topics recorded as MCAP files, and read back from them: the extra ``mcap``."""
