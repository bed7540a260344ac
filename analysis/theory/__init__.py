"""Solvable models of learning in several passes: what loss against epochs, N and U should look like, and why.

`circuits`: multiplicative weights over a library of circuits. `lookup`: regression on Zipf-distributed
tokens, in closed form. `features`: regression on random features of a power-law spectrum. `exact`: epochs to
a loss and reuse rates of any of them. `simulated`: their points tables. `beside`: measured runs beside them.
"""
