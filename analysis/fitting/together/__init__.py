"""`--law auto`: the laws that apply to the points, weighted by their backtests, as one fit.

- `candidates.py`: which laws apply.
- `stacking.py`: their weights.
- `together.py`: the fit of their mixture.
"""
