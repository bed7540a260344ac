"""The points of largest compute, held out to measure how well a law extrapolates."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.points.schema import value_groups

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law

_SHARE = 0.2
"""The share of the runs that is held out."""


def held_out_rows(law: "Law", inputs: Mapping[str, np.ndarray], runs: np.ndarray) -> np.ndarray | None:
    """Which rows are held out to test a fit of the others: Boolean [rows], or None if too few are left.

    They are the rows of the runs of largest compute: a fifth of the runs, at least one. Compute is N E for a
    law of N and E, C for a law of C, the inverse of the loss for a law of the loss, and the product of the
    inputs for other laws. Runs of equal compute are held out together, so that the rows predicted lie beyond
    those fitted. Where all runs reach the same compute (curves over the context, say), the farthest rows are
    held out. `inputs` and `runs` are [rows].
    """
    size = compute_of(inputs)
    names, index = np.unique(runs, return_inverse=True)
    largest = np.array([size[index == i].max() for i in range(len(names))])
    group, of_row = value_groups(largest), index
    if group.max() == 0:
        group, of_row = value_groups(size), np.arange(len(size))
    wanted = max(1, round(_SHARE * len(group)))
    out = (group >= np.sort(group)[-wanted])[of_row]
    left = np.unique(np.stack([values[~out] for values in inputs.values()], axis=1), axis=0)
    return out if len(left) > len(law.parameters) else None


def compute_of(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """What orders points from small to large: C, else 1 / loss, else N E, else the product of the inputs."""
    if "C" in inputs:
        return inputs["C"]
    if "loss" in inputs:
        return np.asarray(1 / inputs["loss"])
    used = ("N", "E") if {"N", "E"} <= set(inputs) else tuple(inputs)
    return np.asarray(np.prod(np.broadcast_arrays(*(inputs[name] for name in used)), axis=0))
