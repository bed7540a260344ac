"""From points and a law to parameters with intervals, and the comparison of laws.

Start with `estimation.py`; `solver.py` is the engine.
"""
