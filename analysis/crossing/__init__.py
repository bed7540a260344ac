"""Where L(C) meets L(D): laws known in closed form, laws fitted to points, and one coherent surface.

Read `known_laws` first: the crossing of two known power laws, and Kaplan's published ones. `measured` fits
the laws to points (`law_draws`, over resampled runs) and gives a `result` with `crossing_warnings`. `merge`
finds where the compute frontier of one surface comes near its own floor, which it cannot cross.
"""
