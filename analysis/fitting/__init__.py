"""From points and a law to a fit: parameters, intervals, diagnostics. Start with `estimation.py`.

- `estimation.py` makes a fit as `settings.py` says; `result.py` is what a fit holds and predicts.
- The search: `search.py` (the minima of the objective), `solver.py` (the engine), `objective.py` (what is
  minimised), `coordinates.py` (how the search sees parameters).
- Uncertainty: `bootstrap.py` (refits of resampled runs), `noise.py` (seed noise), `intervals.py` (from any
  draws to an interval), `fit_intervals.py` (those of a fit), `profiles/` (profile likelihoods).
- Doubt: `diagnostics.py`, `misfit.py` (curved residuals), `outliers.py`, `doubts.py` (few sizes, steep
  exponents, limits of the search), `correlation.py` (inputs that move together), `warnings.py`,
  `checklist.py`.
- `comparison/`: which law the points support.
"""
