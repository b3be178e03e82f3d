"""Where sensors are on a vehicle, and how its cameras see."""
