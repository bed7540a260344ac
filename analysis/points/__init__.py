"""The one table of points: reading, checking and selecting measurements.

Start with `table.py`.
"""
