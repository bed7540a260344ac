"""The compute-optimal N and E for a budget of C, by four methods.

Read `methods` first: `allocate` chooses among envelope (approach 1), isoFLOP (approach 2), a fitted law
(approach 3) and Kaplan's plan. `envelope` reads the optima from the compute frontier of learning curves.
`isoflop` reads them from the minimum of loss against N at fixed C: `budgets` groups the points, `gaps` finds
the budgets in C alone, `learning_curves` reads curves at given budgets, `common_flops` moves the losses of
one budget to one C, `minimum` interpolates, `loss_noise` measures the noise. `trends` fits the straight
lines in logarithms through the optima, with their intervals.
"""
