"""Whether the runs so far bound the parameters of a law, and which runs would."""

from typing import TYPE_CHECKING

import numpy as np

from quarry import text
from quarry.analysis.planning.candidates import flops_of
from quarry.analysis.planning.design import gradient
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.planning.surface import Surface


def check_identified(surface: "Surface", inputs: dict[str, np.ndarray], most: float) -> None:
    """Raise FitError where the draws do not bound a parameter.

    The message names runs that would, among the candidates `inputs` of at most `most` FLOPs.
    """
    if not surface.draws and not surface.confounded:
        raise FitError(
            f"{surface.name} has no draws of its parameters: fit it with a bootstrap, to more runs than "
            "parameters"
        )
    unknown = [p.name for p in surface.free if surface.parameter_interval[p.name] == (None, None)]
    if surface.confounded or unknown:
        x = "E" if surface.confounded else _most_informative_input(surface, inputs, unknown)
        affordable = {
            name: values[flops_of(inputs) <= most] for name, values in _axes(surface, inputs).items()
        }
        raise FitError(
            f"the runs so far do not bound {unknown[0] if unknown else 'the parameters'} of {surface.name}, "
            f"so that no error follows: {_advice(affordable, x)}"
        )


def _axes(surface: "Surface", inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inputs that can be varied alone."""
    return {x: inputs[x] for x in (("N", "E") if surface.first_pass else ("N", "E", "U"))}


def _most_informative_input(surface: "Surface", inputs: dict[str, np.ndarray], unknown: list[str]) -> str:
    """The input that, varied alone, changes the slopes of the loss by the unknown parameters most."""
    columns = [place for place, parameter in enumerate(surface.free) if parameter.name in unknown]
    losses = np.asarray(surface.loss(inputs["N"], inputs["E"], inputs["U"]))
    slopes = gradient(surface, inputs)[:, columns] * losses[:, None]
    axes = _axes(surface, inputs)
    return max(axes, key=lambda x: _variation(slopes, axes, x))


def _variation(slopes: np.ndarray, axes: dict[str, np.ndarray], x: str) -> float:
    """The variance of slopes [runs, parameters] along an input, averaged over the others."""
    place, size = _lines(axes, x)
    means = np.stack([np.bincount(place, column) / size for column in slopes.T], axis=1)
    return float(np.mean((slopes - means[place]) ** 2))


def _lines(axes: dict[str, np.ndarray], x: str) -> tuple[np.ndarray, np.ndarray]:
    """The number of each run's line, along which `x` alone varies [runs], and the runs on each [lines]."""
    others = np.stack([values for name, values in axes.items() if name != x])
    _, place, size = np.unique(others, axis=1, return_inverse=True, return_counts=True)
    return place.ravel(), size


def _advice(axes: dict[str, np.ndarray], x: str) -> str:
    """The ends of the longest line along `x`."""
    place, size = _lines(axes, x)
    line = {name: values[place == size.argmax()] for name, values in axes.items()}
    others = [name for name in axes if name != x]
    if len(line[x]) < 2:
        return f"vary {x} at fixed {' and '.join(others)}, for which this budget is too small"
    fixed = ", ".join(f"{name} = {text.count(float(line[name][0]))}" for name in others)
    ends = " and ".join(text.count(float(end)) for end in (line[x].min(), line[x].max()))
    return f"vary {x} at fixed {fixed}, for example {x} = {ends}"
