"""Chinchilla's law with its search started at the truth of the grid: a fit in a fraction of a second."""

from dataclasses import replace

from quarry.analysis.laws.chinchilla import CHINCHILLA
from tests.analysis.designs import GRID

TRUTH = GRID.params
QUICK = replace(
    CHINCHILLA, parameters=tuple(replace(p, starts=(TRUTH[p.name],)) for p in CHINCHILLA.parameters)
)
