"""What crosses a boundary: samples, results, events, pipeline files and settings.

Imports nothing of ``streams`` or ``workers``.
"""
