"""Answers without training: a step compiled for a chip, what this machine has, ensembles of finished runs,
what a look-up of their training tokens adds.

Start with `compile.py`, `doctor.py`, `ensembles.py` and `retrieval.py`: one for each of these.
"""
