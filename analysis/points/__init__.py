"""The one table of points: what every law is fitted to, whoever measured it.

Read `schema.py` first: the columns, and when two values count as the same. Then, in the order of the work:

- `loading.py`: from a runs directory, a file or a data frame to `Points` (`load_points`, `as_points`);
  `reading.py` has the raw rows, `names.py` the synonyms of columns, `columns.py` their types and checks,
  `completion.py` what follows from other columns, `run_names.py` which rows are one run, `units.py` doubts of
  N and E, `filtering.py` which rows are left out.
- `table.py`: `Points`; `conditions.py`: the language of `--exclude` and `--hold-out`.
- `selection.py`: the points that a law is fitted to; `best_points.py`: the best of several runs;
  `minimum_steps.py`: S_min; `critical_batch.py`: B_crit from curves; `held_out.py`: the points that test a
  fit.
- `curves.py`, `runs.py`, `frontier.py`: learning curves, one row per run, and the compute frontier.

A new column of every table: one line in `schema.py`.
"""
