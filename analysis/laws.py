"""The scaling laws: one object each, written as its paper writes it.

N parameters, U unique training tokens, E tokens processed, C FLOPs, losses in nats per token. A law's
formula is plain arithmetic, so that it takes numbers, NumPy arrays and traced JAX arrays alike. To add a
law, write one `Law` and name it in `LAWS`: fitting, intervals and predictions follow from the object.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

Values = Mapping[str, Any]
"""Numbers or arrays by name; arrays broadcast against each other."""


@dataclass(frozen=True)
class Parameter:
    """A fitted number: its unit, where the search may go, and where it starts.

    `log` parameters are positive and searched in their logarithm. The bounds are limits of the search, so a
    fit that ends on one has run away; `physical_lower` says that the lower bound is instead a limit of the
    quantity itself (an irreducible loss is not negative).
    """

    name: str
    unit: str
    lower: float
    upper: float
    starts: tuple[float, ...]
    log: bool = False
    physical_lower: bool = False


@dataclass(frozen=True)
class Derived:
    """A number that follows from the parameters, such as an exponent of the compute-optimal plan."""

    name: str
    formula: str
    value: Callable[[Values], Any]


@dataclass(frozen=True)
class Law:
    """A scaling law: `loss(params, inputs)` is the predicted loss in nats per token."""

    name: str
    formula: str
    """LaTeX."""
    inputs: tuple[str, ...]
    """Columns of the points it needs, of N, U, E, C."""
    parameters: tuple[Parameter, ...]
    loss: Callable[[Values, Values], Any]
    source: str
    derived: tuple[Derived, ...] = ()

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    def starts(self) -> list[tuple[float, ...]]:
        """The grid of starting points, every combination of the parameters' starts."""
        return list(product(*(parameter.starts for parameter in self.parameters)))

    def derive(self, params: Values) -> dict[str, Any]:
        """The derived quantities at `params`."""
        return {derived.name: derived.value(params) for derived in self.derived}


_LOG_STARTS = tuple(math.exp(e) for e in (-1.0, -0.5, 0.0, 0.5, 1.0))
_SCALE_STARTS = tuple(10.0**power for power in range(0, 31, 5))


def _exponent(name: str, *starts: float) -> Parameter:
    # Published exponents lie between .03 and about 1; at 5 the term is a step, no longer a power law.
    return Parameter(name, "", 0.0, 5.0, starts)


def _scale(name: str, unit: str) -> Parameter:
    return Parameter(name, unit, 1e-100, 1e200, _SCALE_STARTS, log=True)


def _coefficient(name: str, unit: str) -> Parameter:
    starts = tuple(math.exp(a) for a in (0.0, 5.0, 10.0, 15.0, 20.0, 25.0))
    return Parameter(name, unit, 1e-8, 1e40, starts, log=True)


_IRREDUCIBLE = Parameter("L_inf", "nats/token", 0.0, 100.0, _LOG_STARTS, physical_lower=True)

KAPLAN_N = Law(
    name="kaplan-n",
    formula=r"L(N) = (N_c / N)^{\alpha_N}",
    inputs=("N",),
    parameters=(_scale("N_c", "parameters"), _exponent("alpha_N", 0.03, 0.1, 0.3, 1.0)),
    loss=lambda p, v: (p["N_c"] / v["N"]) ** p["alpha_N"],
    source="Kaplan et al. 2020 (arXiv 2001.08361), eq. 1.1",
)

POWER_OFFSET = Law(
    name="power-offset",
    formula=r"L(N) = L_\infty + (x_0 / N)^{\alpha}",
    inputs=("N",),
    parameters=(_IRREDUCIBLE, _scale("x_0", "parameters"), _exponent("alpha", 0.05, 0.1, 0.2, 0.5, 1.0)),
    loss=lambda p, v: p["L_inf"] + (p["x_0"] / v["N"]) ** p["alpha"],
    source="Henighan et al. 2020 (arXiv 2010.14701), eq. 1.1",
)

# The grid of starts is the paper's own, 4,500 points.
CHINCHILLA = Law(
    name="chinchilla",
    formula=r"L(N, E) = L_\infty + A / N^{\alpha} + B / E^{\beta}",
    inputs=("N", "E"),
    parameters=(
        _IRREDUCIBLE,
        _coefficient("A", "nats/token · parameters^α"),
        _coefficient("B", "nats/token · tokens^β"),
        _exponent("alpha", 0.0, 0.5, 1.0, 1.5, 2.0),
        _exponent("beta", 0.0, 0.5, 1.0, 1.5, 2.0),
    ),
    loss=lambda p, v: p["L_inf"] + p["A"] * v["N"] ** -p["alpha"] + p["B"] * v["E"] ** -p["beta"],
    source="Hoffmann et al. 2022 (arXiv 2203.15556), eq. 2",
    derived=(
        Derived("a", r"\beta / (\alpha + \beta)", lambda p: p["beta"] / (p["alpha"] + p["beta"])),
        Derived("b", r"\alpha / (\alpha + \beta)", lambda p: p["alpha"] / (p["alpha"] + p["beta"])),
        Derived(
            "G",
            r"(\alpha A / \beta B)^{1 / (\alpha + \beta)}",
            lambda p: (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"])),
        ),
    ),
)

LAWS: dict[str, Law] = {law.name: law for law in (KAPLAN_N, POWER_OFFSET, CHINCHILLA)}

X_UNITS = {"N": "parameters", "U": "tokens", "E": "tokens", "C": "FLOPs"}


class LawError(ValueError):
    """A law that does not exist, or a variable that it cannot take."""


@cache  # one object per variable: the fit compiles once for each law object
def power_offset(x: str = "N") -> Law:
    """Henighan's law in the variable `x`, one of N, U, E, C. Raises LawError."""
    if x not in X_UNITS:
        raise LawError(f"power-offset cannot take x={x!r}: it takes one of {', '.join(X_UNITS)}")
    offset, scale, exponent = POWER_OFFSET.parameters
    return replace(
        POWER_OFFSET,
        formula=rf"L({x}) = L_\infty + (x_0 / {x})^{{\alpha}}",
        inputs=(x,),
        parameters=(offset, replace(scale, unit=X_UNITS[x]), exponent),
        loss=lambda p, v: p["L_inf"] + (p["x_0"] / v[x]) ** p["alpha"],
    )


def find_law(name: str, x: str = "N") -> Law:
    """The law called `name`; `x` is the variable of `power-offset`. Raises LawError."""
    if name not in LAWS:
        raise LawError(f"no law {name!r}: choose one of {', '.join(LAWS)}")
    if name == POWER_OFFSET.name:
        return power_offset(x)
    return LAWS[name]


def chinchilla_optimum(params: Values, flops: Any) -> tuple[Any, Any]:
    """The compute-optimal N (parameters) and E (tokens) for `flops` = 6NE.

    N = G (C/6)^a and E = (C/6)^b / G (Hoffmann et al. 2022, eq. 4).
    """
    plan = CHINCHILLA.derive(params)
    return plan["G"] * (flops / 6) ** plan["a"], (flops / 6) ** plan["b"] / plan["G"]
