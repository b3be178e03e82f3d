"""An evaluation as one HTML file with its plots inside."""
