"""What to train with a budget, and which runs to make next. Start with `surface.py`.

- `surface.py` is a law with its parameters as a loss over N, E and U; `saved_fit.py` reads one from a file.
- A plan: `budget.py` (`plan`), `law_plan.py` (for a law of N and E), `kaplan_plan.py` (for Kaplan's law of
  steps), `optimum.py` (the best N and E), `regime.py` (what limits the loss).
- The next runs: `next_runs.py` (`plan_next_runs`), `candidates.py`, `target.py` (the quantity to narrow),
  `identification.py` (what the runs so far do not bound), `design.py` (the choice).
"""
