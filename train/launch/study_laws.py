"""What a planned study can be fitted by: the law its points determine, and what they are too few for."""

from collections.abc import Iterator, Sequence

import numpy as np

from quarry.text import plural, power

Place = tuple[int, int]
"""N and E of a point."""

AT_A_BUDGET = 4
"""Sizes that the minimum of an isoFLOP curve needs."""
OF_EACH = 3
"""Values of N and of E that a law of both needs: a coefficient, an exponent and the loss they share."""
_CHINCHILLA, _POWER_OFFSET, _POWER = 5, 3, 2
"""Parameters of chinchilla, of a power law with an offset and of one without."""


def suggested_law(places: Sequence[Place]) -> str | None:
    """The options of `quarry fit` for the law of most parameters that the points determine; None if none."""
    sizes, tokens = (len({place[i] for place in places}) for i in (0, 1))
    if min(sizes, tokens) >= OF_EACH and len(places) > _CHINCHILLA:
        return "--law chinchilla"
    together = max(len({n for n, e in places if e == each}) for each in {e for _, e in places})
    if together > _POWER:
        return "--law power-offset" if together > _POWER_OFFSET else "--law kaplan-n"
    return "--law power-offset --x E" if sizes == 1 and tokens > _POWER_OFFSET else None


def too_few(places: Sequence[Place], budgets: Sequence[float]) -> Iterator[str]:
    """A sentence on what the points are too few for."""
    if budgets:
        yield from _small_budgets(places, budgets)
        return
    for name, values in (("N", {n for n, _ in places}), ("E", {e for _, e in places})):
        if 1 < len(values) < OF_EACH:
            yield f"{name} takes {len(values)} values, and a law of N and E needs {OF_EACH} of each"


def _small_budgets(places: Sequence[Place], budgets: Sequence[float]) -> Iterator[str]:
    """The budgets at which too few sizes are left."""
    nearest = [int(np.argmin(np.abs(np.log(np.array(budgets) / (6 * n * e))))) for n, e in places]
    for i, budget in enumerate(budgets):
        if (found := nearest.count(i)) < AT_A_BUDGET:
            sizes = plural(found, "size")
            yield (
                f"at {power(budget, 3)} FLOPs {sizes}, and a minimum needs {AT_A_BUDGET}: larger budgets, or "
                "more --sizes"
            )
