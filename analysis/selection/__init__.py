"""Selection: whether a rule that chooses the U tokens shifts the constant of L(U) or its slope.

`cells.py` has the losses of a study by rule, N and U, `verdicts.py` what they say with intervals (`lines.py`)
and the compute that choosing cost, `lead.py` the lead of one rule by passes.
`python -m quarry.analysis.selection POINTS` prints and writes the table.
"""
