"""Answers without training: a step compiled for a chip, what this machine has, ensembles of finished runs.

Start with `compile.py`, `doctor.py` and `ensembles.py`: one for each of these.
"""
