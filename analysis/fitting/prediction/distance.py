"""How far inputs lie beyond the range that a law was fitted on, in e-folds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from quarry.analysis.points.held_out import compute_of

Ranges = Mapping[str, tuple[float, float]]
"""The least and the largest of each input, and of the compute where several inputs make one."""

COMPUTE = "compute"


def coordinates(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The inputs, and with several the compute that they make."""
    values = {name: np.asarray(each, float) for name, each in inputs.items()}
    return values if len(values) == 1 else {**values, COMPUTE: compute_of(values)}


def fitted_ranges(inputs: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """The range of each coordinate of the points fitted."""
    return {name: (float(each.min()), float(each.max())) for name, each in coordinates(inputs).items()}


def distance(inputs: Mapping[str, Any], ranges: Mapping[str, tuple[Any, Any]]) -> np.ndarray:
    """The e-folds [...] by which the coordinate furthest out lies beyond `ranges`; 0 within all of them."""
    sides = [
        np.maximum(0.0, np.maximum(np.log(each / ranges[name][1]), np.log(ranges[name][0] / each)))
        for name, each in coordinates(inputs).items()
        if name in ranges
    ]
    return np.asarray(np.max(np.stack(np.broadcast_arrays(*sides)), axis=0))
