"""The laws of a mixture apart: each with its own parameters, its own draws and what it counts."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quarry import text
from quarry.analysis.fitting.together.candidates import member
from quarry.analysis.laws.mixture import COUNTS, MIXTURE, law_weights, member_params, weight_of
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.planning.surface import Surface

_DRAWS_EACH = 2
"""Of fewer draws for each parameter the covariance tells little, and its inverse far too much."""


@dataclass(frozen=True)
class Member:
    """A law of a fit: its surface, and its share of all draws."""

    share: float
    surface: "Surface"


def members_of(surface: "Surface") -> dict[str, Member]:
    """The laws of a mixture that count, by name, with shares that sum to 1.

    One law is its own only member, and so is a fit without draws.
    """
    if surface.law.name != MIXTURE or not surface.draws:
        return {surface.law.name: Member(1.0, surface)}
    counted = {name: share for name, share in law_weights(surface.params).items() if share >= COUNTS}
    total = sum(counted.values())
    return {name: Member(share / total, _own(surface, name)) for name, share in counted.items()}


def of_one_law(surface: "Surface", quantity: str) -> tuple["Surface", str]:
    """The surface that a quantity belongs to, and its name there.

    Of "chinchilla.alpha" of a mixture they are chinchilla's own and "alpha"; of any other those given.
    Raises FitError for a law that does not count, or has too few draws.
    """
    law, _, own = quantity.partition(".")
    weights = law_weights(surface.params)
    if surface.law.name != MIXTURE or law not in weights or not surface.draws:
        return surface, quantity
    if weights[law] < COUNTS:
        raise FitError(f"target={quantity!r}: {law} counts less than {COUNTS:.0%} in {surface.name}")
    return _own(surface, law), own


def _own(surface: "Surface", name: str) -> "Surface":
    """The surface of one law of a mixture, with the draws that are its own. Raises FitError for too few."""
    drawn = weight_of(surface.draws, f"{name}.") > 0
    draws, intervals = member_params(surface.draws)[name], member_params(surface.parameter_interval)[name]
    if drawn.sum() < (needed := _DRAWS_EACH * len(draws)):
        raise FitError(
            f"{surface.name}: {name} has {text.plural(int(drawn.sum()), 'draw')} of its own, and its "
            f"{len(draws)} parameters need {needed}: fit again with a larger --bootstrap"
        )
    return replace(
        surface,
        name=name,
        law=member(name, surface.law.inputs),
        params=member_params(surface.params)[name],
        draws={parameter: values[drawn] for parameter, values in draws.items()},
        parameter_interval=intervals,
        frozen=(),
    )
