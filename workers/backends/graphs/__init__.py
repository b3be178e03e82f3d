"""Models that are graphs made elsewhere: what they take and give, and who runs them."""
