"""The scaling laws, one object each, with the constants that papers published.

Start with `catalog.py`.
"""
