"""The scaling laws, one object each, and the constants that papers published for them.

Read `law.py` first: what a law is. Each family has a file: `kaplan.py`, `chinchilla.py`, `power_laws.py` and
`repeated_data.py`. `catalog.py` lists all laws by name. `published.py` and `published_trends.py` have the
published constants, `kaplan_frontier.py`, `kaplan_overfitting.py` and `batch_size.py` what follows from
Kaplan's laws, `formulas.py` shows a formula in a page or a terminal.

To add a law: write one `Law` in the file of its family (or a new file), with formulas in the functions of
`mathematics.py`, and add it to `LAWS` in `catalog.py`. Fitting, intervals, predictions, figures and the
command line follow from the object.
"""
