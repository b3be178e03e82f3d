"""Pictures of what a vehicle saw and what was made of it."""
