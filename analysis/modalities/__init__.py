"""Modalities: the laws of ladders on text, code, mathematics and images, beside Henighan et al. 2020.

`ladders.py` has a ladder for each corpus of a table of points, `exponents.py` the exponents and irreducible
losses of each, with intervals and a test on the largest size, `floors.py` the irreducible loss by every law
where some runs read their data again. `python -m quarry.analysis.modalities POINTS` prints and writes both.
"""
