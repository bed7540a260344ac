"""Solvable models of learning in several passes: how the loss should depend on epochs, N and U, and why.

Read `circuits` first: multiplicative weights over a library of circuits. `lookup` is regression on
Zipf-distributed tokens, in closed form; `features` is regression on random features of a power-law spectrum.

`exact` has epochs to a loss and reuse rates of any model, `predictions` the exponents that follow.
`simulated` makes their tables of points. `comparison` puts measured runs beside them: `python -m
quarry.analysis.theory --help`.
"""
