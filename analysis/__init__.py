"""From scale points to laws, and what follows from them. The public verbs are in `quarry` itself.

Read in this order: `laws` (one object per law), `points` (the table of measurements), `fitting` (parameters,
intervals, comparison). What follows from a fit: `allocation`, `planning`, `epochs`, `instruments`,
`crossing`, `theory`, `report`.
`commands` turns the words of the command line into calls; `notebooks` shows all of it.
"""
