"""Estimates to doubt: of too few distinct sizes or token counts, steeper than any power law known, or
stopped by a limit of the search."""

from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.fitting.coordinates import at_bounds, at_search_limit
from quarry.analysis.laws.mixture import is_weight
from quarry.analysis.points.schema import value_groups
from quarry.text import number, plural

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.fitting.search import Data
    from quarry.analysis.laws.law import Law, Parameter, Values

_STEEPEST = 1.0
"""No published exponent of a loss in N, E, U, C or S lies above: Chinchilla's are 0.34 and 0.37, the largest
of Kaplan et al. 2020 is 0.76."""

_COUNTED = ("N", "E", "C", "S_min")
"""The inputs of a law of several whose distinct values are counted; U where there is no E."""


def doubts(fit: "Fit") -> list[str]:
    """A sentence for each estimate to doubt, and for each input with too few distinct values."""
    frozen = fit.diagnostics.frozen
    return [*few_values(fit.data), *steep_exponents(fit.law, fit.params, frozen), *_stopped(fit)]


def distinct_values(inputs: Mapping[str, np.ndarray]) -> dict[str, int]:
    """How many values each input takes; those within 1% count as one."""
    return {name: int(value_groups(values).max()) + 1 for name, values in inputs.items()}


def values_at_limits(law: "Law", params: "Values") -> dict[str, str]:
    """The parameters that lie on a bound, with the side: lower or upper; not the weights of a mixture."""
    fitted = [each for each in law.parameters if not is_weight(each.name)]
    ends = {each.name: at_bounds(each, params[each.name]) for each in fitted}
    return {name: "lower" if lower else "upper" for name, (lower, upper) in ends.items() if lower or upper}


def marked(parameter: "Parameter", value: float, digits: int = 4) -> str:
    """The value in words, marked where it lies on a bound."""
    return number(value, digits) + " (limit)" * bool(np.any(at_bounds(parameter, value)))


def values_needed(law: "Law", name: str) -> int:
    """How many distinct values of an input a law needs for its parameters along it.

    A term in one of several inputs has a coefficient and an exponent, and shares an irreducible loss.
    """
    if len(law.inputs) == 1:
        return len(law.parameters)
    offset = any(parameter.physical_lower for parameter in law.parameters)
    return min(len(law.parameters), 2 + offset)


def few_values(data: "Data") -> Iterator[str]:
    """A sentence for each input that takes too few values to determine the law along it, or to test it.

    None with no more runs than parameters, of which the fit says that they bound nothing.
    """
    for name, found, needed in _values(data):
        if data.n_runs > len(data.law.parameters) and found <= needed:
            yield _few(data, name, found, needed)


def undetermined_terms(data: "Data") -> list[str]:
    """A sentence for each input that takes too few values to determine the law along it."""
    return [_few(data, name, found, needed) for name, found, needed in _values(data) if found < needed]


def _values(data: "Data") -> Iterator[tuple[str, int, int]]:
    """Each input that a law counts on, how many values it takes and how many the law needs."""
    for name, found in distinct_values(data.inputs).items():
        if _counted(data, name):
            yield name, found, values_needed(data.law, name)


def _counted(data: "Data", name: str) -> bool:
    inputs = data.law.inputs
    return len(inputs) == 1 or name in _COUNTED or (name == "U" and "E" not in inputs)


def _few(data: "Data", name: str, found: int, needed: int) -> str:
    takes = f"{name} takes {plural(found, 'value')} in {plural(data.points, 'point')}"
    if found < needed:
        return (
            f"{takes}, and {data.law.name} needs {needed}: its term in {name} is not determined; add values"
        )
    return (
        f"{takes}, as many as {data.law.name} needs along {name} and none to test it: intervals and "
        "predictions beyond them take the law for granted; add values"
    )


def steep_exponents(law: "Law", params: "Values", frozen: Container[str] = ()) -> Iterator[str]:
    """A sentence for each exponent of a fitted law that is larger than any known."""
    for names in law.decay:
        size = float(np.prod([params[name] for name in names]))
        if size > _STEEPEST and not all(name in frozen for name in names):
            yield (
                f"the exponent {' '.join(names)} = {number(size, 3)}, and none above 1 is known: such a term "
                "separates the smallest values from the rest and says nothing of larger ones"
            )


def _stopped(fit: "Fit") -> Iterator[str]:
    by_name = {parameter.name: parameter for parameter in fit.law.parameters}
    for name in fit.at_limit:
        value, lower = number(fit.params[name], 3), by_name[name].lower
        if at_search_limit(by_name[name], fit.params[name]):
            yield f"{name} = {value} is a limit of the search and no estimate: the points do not determine it"
        else:
            yield f"{name} = {value} lies on its bound, {lower:g}: the points show none above it"
