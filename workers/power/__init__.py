"""What the machine says of its energy, and of its GPU."""
