"""What a fit predicts beyond its points: backtests, and a band of three parts that comes from them.

- `distance.py`: how far inputs lie beyond those fitted.
- `rolling_origin.py`: fits below a cut; `backtests.py`: their errors beyond it.
- `extrapolation.py`: the misfit that grows with distance, from the backtests and a prior over ladders.
- `prior.py`: that prior, read from `prior.csv`.
- `band.py`: the three parts of a prediction (parameters, seeds, extrapolation) as one interval.
- `scores.py`: by what predicted intervals are judged.
"""
