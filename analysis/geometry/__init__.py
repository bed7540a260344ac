"""Intrinsic dimension, and exponents beside it (Sharma & Kaplan 2020, 2004.10802).

Read `dimension.py` first; `python -m quarry.analysis.geometry` makes the tables of the study `geometry`.
"""
