"""The laws of a mixture apart: each with its own parameters, its own draws and what it counts."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quarry.analysis.fitting.together.candidates import member
from quarry.analysis.laws.mixture import MIXTURE, member_params, weight_of
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.planning.surface import Surface

# Of a law that counts less there are few draws, and they change little.
_COUNTS = 0.05


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
    shares = {name: float(weight_of(surface.params, f"{name}.")) for name in member_params(surface.params)}
    counted = {name: share for name, share in shares.items() if share >= _COUNTS}
    total = sum(counted.values())
    return {name: Member(share / total, _own(surface, name)) for name, share in counted.items()}


def one_member(surface: "Surface", quantity: str) -> tuple[str, str] | None:
    """The law of a mixture and its own name of a quantity, such as "chinchilla.alpha"; None of any other.

    Raises FitError for a law that does not count.
    """
    law, _, own = quantity.partition(".")
    if surface.law.name != MIXTURE or law not in member_params(surface.params):
        return None
    if law not in members_of(surface):
        raise FitError(f"target={quantity!r}: {law} counts less than {_COUNTS:.0%} in {surface.name}")
    return law, own


def _own(surface: "Surface", name: str) -> "Surface":
    """The surface of one law of a mixture, with the draws that are its own."""
    drawn = weight_of(surface.draws, f"{name}.") > 0
    draws, intervals = member_params(surface.draws)[name], member_params(surface.parameter_interval)[name]
    return replace(
        surface,
        name=name,
        law=member(name, surface.law.inputs),
        params=member_params(surface.params)[name],
        draws={parameter: values[drawn] for parameter, values in draws.items()},
        parameter_interval=intervals,
        frozen=(),
    )
