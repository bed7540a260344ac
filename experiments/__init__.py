"""The studies: a folder per study, a Python file per scale point; `__init__` of a study holds its recipe.

Start with `quickstart`. `results` holds small committed tables and the log of what was measured.
"""
