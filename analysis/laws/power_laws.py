"""Laws of one variable, which may be N, U, E or C: a power law with an offset, and one that bends once."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

from quarry.analysis.laws.law import Law, Parameter, Values, coefficient, exponent, irreducible, scale
from quarry.analysis.laws.mathematics import nearest_power_of_ten, power, power_of_ratio
from quarry.errors import LawError

POWER_OFFSET = Law(
    name="power-offset",
    formula=r"L(N) = L_\infty + (x_0 / N)^{\alpha}",
    inputs=("N",),
    parameters=(irreducible(), scale("x_0", "parameters"), exponent("alpha", 0.05, 0.1, 0.2, 0.5, 1.0)),
    predict=lambda p, v: p["L_inf"] + power_of_ratio(p["x_0"], v["N"], p["alpha"]),
    source="Henighan et al. 2020 (arXiv 2010.14701), eq. 1.1",
    decay=(("alpha",),),
)


def _broken_power(p: Values, x: Any) -> Any:
    bend = power(1 + power_of_ratio(x, p["d_1"], 1 / p["f_1"]), -p["c_1"] * p["f_1"])
    return p["a"] + p["b"] * power(x, -p["c_0"]) * bend


# The exponents are small where the break is steep, so b is nearer a loss than Chinchilla's coefficients are.
_B_STARTS = tuple(math.exp(b) for b in (0.0, 3.0, 6.0, 10.0))

BROKEN_POWER = Law(
    name="broken-power",
    formula=r"L(N) = a + b N^{-c_0} (1 + (N / d_1)^{1 / f_1})^{-c_1 f_1}",
    inputs=("N",),
    parameters=(
        irreducible("a"),
        coefficient("b", "nats/token · parameters^c_0", _B_STARTS),
        exponent("c_0", 0.05, 0.2, 0.5),
        exponent("c_1", -0.2, 0.2, 0.5, lower=-5.0),
        Parameter("d_1", "parameters", 1e-2, 1e40, tuple(10.0**e for e in range(3, 24, 3)), log=True),
        Parameter("f_1", "", 0.02, 10.0, (0.3, 1.0), log=True),
    ),
    predict=lambda p, v: _broken_power(p, v["N"]),
    source="Caballero et al. 2022 (arXiv 2210.14891), one break",
    decay=(("c_0",),),
    reference=lambda v: _break_near(*v, *map(nearest_power_of_ten, v.values())),
)

IN_ONE_VARIABLE = {law.name: law for law in (POWER_OFFSET, BROKEN_POWER)}
"""The laws that take any one of the variables in `UNITS`."""

UNITS = {"N": "parameters", "U": "tokens", "E": "tokens", "C": "FLOPs"}


@cache
def in_variable(name: str, x: str = "N") -> Law:
    """`power-offset` or `broken-power` in the variable `x`, one of N, U, E, C. Raises LawError."""
    law = IN_ONE_VARIABLE[name]
    if x not in UNITS:
        raise LawError(f"{name} cannot take x={x!r}: it takes one of {', '.join(UNITS)}")
    if x == "N":
        return law
    return replace(
        law,
        formula=law.formula.replace("N", x),
        inputs=(x,),
        parameters=tuple(
            replace(parameter, unit=parameter.unit.replace("parameters", UNITS[x]))
            for parameter in law.parameters
        ),
        predict=lambda p, v: law.predict(p, {"N": v[x]}),
        early_stopped=x == "U",
    )


@cache
def _break_near(x: str, middle: float) -> Law:
    """`broken-power` in `x`, with the starts of its break around `middle`."""
    law = in_variable(BROKEN_POWER.name, x)
    starts = tuple(middle * 10.0**e for e in (-4, -2, -1, 0, 1, 2, 4))
    return replace(
        law,
        parameters=tuple(replace(p, starts=starts) if p.name == "d_1" else p for p in law.parameters),
    )
