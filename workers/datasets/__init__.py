"""Data sets: recordings in the layouts in which they are given away, as samples with labels."""
