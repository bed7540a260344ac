"""Selection: whether a rule that chooses the U tokens shifts the constant of L(U) or its slope.

`cells.py` has the losses of a study by rule, N and U, `verdicts.py` what they say, with intervals and the
compute that choosing cost. `python -m quarry.analysis.selection POINTS` prints and writes the table.
"""
