"""The scaling laws: one object each, written as its paper writes it.

N parameters, U unique training tokens, E tokens processed, C FLOPs, S optimiser steps, T position in the
context, M = E / N; losses in nats per token. A law's formula is plain arithmetic, so that it takes numbers,
NumPy arrays and traced JAX arrays alike. To add a law, write one `Law` and name it in `LAWS`: fitting,
intervals, predictions, figures and the command line follow from the object.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any

from quarry.errors import LawError

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
class Nested:
    """A simpler law that another becomes at these values of its further parameters.

    Its minima, with each combination of `starts` beside them, are starts of the larger law.
    """

    law: "Law"
    starts: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, eq=False)
class Law:
    """A scaling law: `predict(params, inputs)` is the response, nearly always the loss in nats per token."""

    name: str
    formula: str
    """LaTeX."""
    inputs: tuple[str, ...]
    """Columns of the points it needs: of N, U, E, C, S_min, M, T, loss."""
    parameters: tuple[Parameter, ...]
    predict: Callable[[Values, Values], Any]
    source: str
    derived: tuple[Derived, ...] = ()
    response: str = "loss"
    """The column that the formula gives."""
    early_stopped: bool = False
    """It describes the least loss over passes: of points equal in its inputs, those of the best E count."""
    nested: tuple[Nested, ...] = ()
    reference: Callable[[Values], "Law"] | None = None
    """The same law with its reference scales near these values of its inputs."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the function that made the law was given, for laws that have variants."""

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    def grid(self) -> int:
        """How many combinations of the parameters' starts there are."""
        return math.prod(len(parameter.starts) for parameter in self.parameters)

    def starts(self) -> list[tuple[float, ...]]:
        """The grid of starting points, every combination of the parameters' starts."""
        return list(product(*(parameter.starts for parameter in self.parameters)))

    def derive(self, params: Values) -> dict[str, Any]:
        """The derived quantities at `params`."""
        return {derived.name: derived.value(params) for derived in self.derived}

    def frozen(self, values: Mapping[str, float]) -> "Law":
        """The law with these parameters fixed: one with the others only. Raises LawError."""
        if unknown := [name for name in values if name not in self.parameter_names]:
            raise LawError(f"{self.name} has no parameter {unknown[0]}: {', '.join(self.parameter_names)}")
        if len(values) == len(self.parameters):
            raise LawError(f"{self.name}: every parameter is frozen, nothing is left to fit")
        for parameter in self.parameters:
            check_inside(self.name, parameter, values.get(parameter.name, parameter.lower))
        return _frozen(self, tuple(sorted(values.items()))) if values else self


def check_inside(law: str, parameter: Parameter, value: float) -> None:
    """Raise LawError for a value outside the parameter's bounds."""
    if not parameter.lower <= value <= parameter.upper:
        limits = f"{parameter.lower:g} to {parameter.upper:g}"
        raise LawError(f"{law}: {parameter.name}={value:g} is outside its range, {limits}")


@cache  # one object for each law and values: the fit compiles once for each law object
def _frozen(law: Law, values: tuple[tuple[str, float], ...]) -> Law:
    fixed = dict(values)
    return replace(
        law,
        parameters=tuple(parameter for parameter in law.parameters if parameter.name not in fixed),
        predict=lambda p, v: law.predict({**p, **fixed}, v),
        derived=tuple(
            replace(derived, value=lambda p, value=derived.value: value({**p, **fixed}))
            for derived in law.derived
        ),
        nested=(),
        reference=None,
    )


_LOG_STARTS = tuple(math.exp(e) for e in (-1.0, -0.5, 0.0, 0.5, 1.0))
_SCALE_STARTS = tuple(10.0**power for power in range(0, 31, 5))


def _exponent(name: str, *starts: float, lower: float = 0.0) -> Parameter:
    # Published exponents lie between .03 and about 1; at 5 the term is a step, no longer a power law.
    return Parameter(name, "", lower, 5.0, starts)


def _scale(name: str, unit: str) -> Parameter:
    return Parameter(name, unit, 1e-100, 1e200, _SCALE_STARTS, log=True)


def _coefficient(name: str, unit: str) -> Parameter:
    starts = tuple(math.exp(a) for a in (0.0, 5.0, 10.0, 15.0, 20.0, 25.0))
    return Parameter(name, unit, 1e-8, 1e40, starts, log=True)


_IRREDUCIBLE = Parameter("L_inf", "nats/token", 0.0, 100.0, _LOG_STARTS, physical_lower=True)


def _excess(ratio: Any) -> Any:
    """max(ratio - 1, 0), in arithmetic that arrays and tracers take."""
    return (ratio - 1 + abs(ratio - 1)) / 2


def _saturating(repeats: Any, limit: Any) -> Any:
    """limit (1 - exp(-repeats / limit)): the worth of repeats that decays by 1/e every `limit` of them.

    A limit far above 1e11 counts as 1e11: beyond, the difference is lost in rounding, and with it all worth.
    """
    limit = 1 / (1 / limit + 1e-11)
    return limit * (1 - math.e ** (-repeats / limit))


_LOG_STEP = 1e-5


def _log(x: Any) -> Any:
    """ln x to 1e-8 of itself, in arithmetic that arrays and tracers take: (x^h - x^-h) / 2h for a small h."""
    return (x**_LOG_STEP - x**-_LOG_STEP) / (2 * _LOG_STEP)


KAPLAN_N = Law(
    name="kaplan-n",
    formula=r"L(N) = (N_c / N)^{\alpha_N}",
    inputs=("N",),
    parameters=(_scale("N_c", "parameters"), _exponent("alpha_N", 0.03, 0.1, 0.3, 1.0)),
    predict=lambda p, v: (p["N_c"] / v["N"]) ** p["alpha_N"],
    source="Kaplan et al. 2020 (arXiv 2001.08361), eq. 1.1",
)

KAPLAN_D = Law(
    name="kaplan-d",
    formula=r"L(U) = (D_c / U)^{\alpha_D}",
    inputs=("U",),
    parameters=(_scale("D_c", "tokens"), _exponent("alpha_D", 0.03, 0.1, 0.3, 1.0)),
    predict=lambda p, v: (p["D_c"] / v["U"]) ** p["alpha_D"],
    source="Kaplan et al. 2020 (arXiv 2001.08361), eq. 1.2: its D is the unique tokens U, stopped early",
    early_stopped=True,
)

KAPLAN_C = Law(
    name="kaplan-c",
    formula=r"L(C) = (C_c / C)^{\alpha_C}",
    inputs=("C",),
    parameters=(_scale("C_c", "FLOPs"), _exponent("alpha_C", 0.03, 0.1, 0.3, 1.0)),
    predict=lambda p, v: (p["C_c"] / v["C"]) ** p["alpha_C"],
    source="Kaplan et al. 2020 (arXiv 2001.08361), eq. 1.3 and 3.3, in FLOPs instead of PF-days",
)

KAPLAN_ND = Law(
    name="kaplan-nd",
    formula=r"L(N, U) = \left[ (N_c / N)^{\alpha_N / \alpha_D} + D_c / U \right]^{\alpha_D}",
    inputs=("N", "U"),
    parameters=(
        _scale("N_c", "parameters"),
        _scale("D_c", "tokens"),
        _exponent("alpha_N", 0.03, 0.1, 0.3, 1.0),
        _exponent("alpha_D", 0.03, 0.1, 0.3, 1.0, lower=1e-3),
    ),
    predict=lambda p, v: (
        ((p["N_c"] / v["N"]) ** (p["alpha_N"] / p["alpha_D"]) + p["D_c"] / v["U"]) ** p["alpha_D"]
    ),
    source="Kaplan et al. 2020 (arXiv 2001.08361), eq. 1.5: its D is the unique tokens U, stopped early",
    derived=(
        Derived("data_exponent", r"\alpha_N / \alpha_D", lambda p: p["alpha_N"] / p["alpha_D"]),
        Derived("data_for_8x_N", r"8^{\alpha_N / \alpha_D}", lambda p: 8 ** (p["alpha_N"] / p["alpha_D"])),
    ),
    early_stopped=True,
)

KAPLAN_NS = Law(
    name="kaplan-ns",
    formula=r"L(N, S_{min}) = (N_c / N)^{\alpha_N} + (S_c / S_{min})^{\alpha_S}",
    inputs=("N", "S_min"),
    parameters=(
        _scale("N_c", "parameters"),
        _scale("S_c", "steps"),
        _exponent("alpha_N", 0.03, 0.1, 0.3, 1.0),
        _exponent("alpha_S", 0.1, 0.3, 0.6, 1.0),
    ),
    predict=lambda p, v: (p["N_c"] / v["N"]) ** p["alpha_N"] + (p["S_c"] / v["S_min"]) ** p["alpha_S"],
    source="Kaplan et al. 2020 (arXiv 2001.08361), eq. 1.6 and 5.6",
    derived=(Derived("f", r"\alpha_N / \alpha_S", lambda p: p["alpha_N"] / p["alpha_S"]),),
)

CRITICAL_BATCH = Law(
    name="critical-batch",
    formula=r"B_{crit}(L) = B_\star / L^{1 / \alpha_B}",
    inputs=("loss",),
    parameters=(
        Parameter("B_star", "tokens", 1e-8, 1e40, _SCALE_STARTS, log=True),
        _exponent("alpha_B", 0.1, 0.2, 0.5, 1.0, lower=1e-2),
    ),
    predict=lambda p, v: p["B_star"] / v["loss"] ** (1 / p["alpha_B"]),
    source="Kaplan et al. 2020 (arXiv 2001.08361), eq. 1.4",
    response="B_crit",
)

POWER_OFFSET = Law(
    name="power-offset",
    formula=r"L(N) = L_\infty + (x_0 / N)^{\alpha}",
    inputs=("N",),
    parameters=(_IRREDUCIBLE, _scale("x_0", "parameters"), _exponent("alpha", 0.05, 0.1, 0.2, 0.5, 1.0)),
    predict=lambda p, v: p["L_inf"] + (p["x_0"] / v["N"]) ** p["alpha"],
    source="Henighan et al. 2020 (arXiv 2010.14701), eq. 1.1",
)

_PLAN_EXPONENTS = (
    Derived("a", r"\beta / (\alpha + \beta)", lambda p: p["beta"] / (p["alpha"] + p["beta"])),
    Derived("b", r"\alpha / (\alpha + \beta)", lambda p: p["alpha"] / (p["alpha"] + p["beta"])),
)


def _plan_scale(p: Values) -> Any:
    """G of Hoffmann et al. 2022: N_opt = G (C / 6)^a."""
    return (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))


_G = Derived("G", r"(\alpha A / \beta B)^{1 / (\alpha + \beta)}", _plan_scale)

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
    predict=lambda p, v: p["L_inf"] + p["A"] * v["N"] ** -p["alpha"] + p["B"] * v["E"] ** -p["beta"],
    source="Hoffmann et al. 2022 (arXiv 2203.15556), eq. 2",
    derived=(*_PLAN_EXPONENTS, _G),
)

_KAPPA = Parameter("kappa", "", 0.02, 5.0, (0.3, 0.6, 1.0), log=True)

SKALING = Law(
    name="skaling",
    formula=r"L(N, E) = L_\infty + (A / N^{\alpha} + B / E^{\beta})^{\kappa}",
    inputs=("N", "E"),
    parameters=(*CHINCHILLA.parameters, _KAPPA),
    predict=lambda p, v: (
        p["L_inf"] + (p["A"] * v["N"] ** -p["alpha"] + p["B"] * v["E"] ** -p["beta"]) ** p["kappa"]
    ),
    source="Skaling (arXiv 2608.07222), read in a secondary source",
    derived=(*_PLAN_EXPONENTS, _G),
    nested=(Nested(CHINCHILLA, {"kappa": (1.0,)}),),
)


def _data_constrained(p: Values, v: Values) -> Any:
    scale, repeats = _plan_scale(p), _excess(v["E"] / v["U"])
    unique = v["E"] / (1 + repeats)  # of the tokens seen: min(U, E)
    enough = (unique * scale) ** (
        p["beta"] / p["alpha"]
    ) * scale  # N_opt, the N that so many unique tokens want
    surplus = _excess(v["N"] / enough)
    n = v["N"] / (1 + surplus) * (1 + _saturating(surplus, p["R_N"]))
    tokens = unique * (1 + _saturating(repeats, p["R_D"]))
    return p["L_inf"] + p["A"] * n ** -p["alpha"] + p["B"] * tokens ** -p["beta"]


_REPEATS = (1.0, 5.0, 20.0, 100.0)

DATA_CONSTRAINED = Law(
    name="data-constrained",
    formula=r"L(N, E, U) = L_\infty + A / N'^{\alpha} + B / D'^{\beta}",
    inputs=("N", "E", "U"),
    parameters=(
        *CHINCHILLA.parameters[:3],
        _exponent("alpha", 0.1, 0.3, 0.5, 1.0, lower=1e-3),
        _exponent("beta", 0.1, 0.3, 0.5, 1.0, lower=1e-3),
        Parameter("R_D", "repetitions", 1e-3, 1e6, _REPEATS, log=True),
        Parameter("R_N", "repetitions", 1e-3, 1e6, _REPEATS, log=True),
    ),
    predict=_data_constrained,
    source="Muennighoff et al. 2023 (arXiv 2305.16264), D' = U + U R_D (1 - exp(-R / R_D)), N' likewise",
    derived=(*_PLAN_EXPONENTS, _G),
    nested=(Nested(CHINCHILLA, {"R_D": _REPEATS, "R_N": _REPEATS}),),
)


def _effective_reuse(p: Values, v: Values) -> Any:
    repeats = _excess(v["E"] / v["U"])
    limit = p["rho"] * _log(1 + v["U"] / p["U_0"])
    tokens = v["E"] / (1 + repeats) * (1 + _saturating(repeats, limit))
    return CHINCHILLA.predict(p, {"N": v["N"], "E": tokens})


_RHO, _ORIGINS = (0.3, 1.0, 3.0), (1.0, 1e4, 1e8)

# What the source proves of the effective reuse rate E_r(k, U): it is k while k is small, then levels off at a
# value that grows as ln U. The curve between is ours: the saturating exponential of Muennighoff 2023, so that
# the two laws differ in what decides the level. So is ln(1 + U / U_0), to keep the level positive at any U.
# Their fit for a .3B model, which we read as E_r = .75 k at k = .80 ln(U / 1e9) + 5.21, is that of rho = 1.29
# and U_0 = 1.65e7 to .1% for U of .2 to 2 billion tokens.
EFFECTIVE_REUSE = Law(
    name="effective-reuse",
    formula=r"L(N, E, U) = L_\infty + A / N^{\alpha} + B / (U E_r)^{\beta}",
    inputs=("N", "E", "U"),
    parameters=(
        *DATA_CONSTRAINED.parameters[:5],
        Parameter("rho", "repetitions per e-fold of U", 1e-4, 1e4, _RHO, log=True),
        Parameter("U_0", "tokens", 1e-30, 1e20, _ORIGINS, log=True),
    ),
    predict=_effective_reuse,
    source="Yan et al. 2025 (arXiv 2511.13421), E_r = 1 + R (1 - exp(-(k - 1) / R)), R = rho ln(1 + U/U_0); "
    "its limits are theirs, as the abstract gives them, the curve between is ours",
    derived=(*_PLAN_EXPONENTS, _G),
    nested=(Nested(CHINCHILLA, {"rho": _RHO, "U_0": _ORIGINS}),),
)

_PENALTY = (
    Parameter("P", "nats/token", 1e-12, 1e6, (1e-4, 1e-2, 1.0), log=True),
    _exponent("delta", 0.3, 0.7, 1.5, lower=0.05),  # at 0 the penalty is a constant beside L_inf
)


def _penalty(p: Values, v: Values, exponent: str) -> Any:
    return p["P"] * _excess(v["E"] / v["U"]) ** p["delta"] * (v["N"] / v["U"]) ** p[exponent]


OVERFIT_EPOCHS = Law(
    name="overfit-epochs",
    formula=r"L(N, E, U) = L_\infty + A / N^{\alpha} + B / E^{\beta} + P R^{\delta} (N / U)^{\kappa}",
    inputs=("N", "E", "U"),
    parameters=(*CHINCHILLA.parameters, *_PENALTY, _exponent("kappa", 0.2, 0.5, 1.0)),
    predict=lambda p, v: CHINCHILLA.predict(p, v) + _penalty(p, v, "kappa"),
    source="Lovelace 2026 (arXiv 2605.01640), R = max(E / U - 1, 0), read in a secondary source",
    derived=(*_PLAN_EXPONENTS, _G),
    nested=(Nested(CHINCHILLA, {"P": (1e-6, 1e-3, 1e-1), "delta": (0.5, 1.0), "kappa": (0.2, 0.5, 1.0)}),),
)

EPOCH_TERMS = {"coupling": "kappa", "reuse": "R_0 p q", "overfit": "P delta kappa_2"}
"""The terms of the joint surface beside Chinchilla's, and the parameters each brings."""

_EPOCH_PARAMETERS = {
    "kappa": _KAPPA,
    "R_0": Parameter("R_0", "repetitions", 1e-3, 1e6, _REPEATS, log=True),
    "p": _exponent("p", -0.3, 0.0, 0.3, lower=-5.0),
    "q": _exponent("q", -0.3, 0.0, 0.3, lower=-5.0),
    "P": _PENALTY[0],
    "delta": _PENALTY[1],
    "kappa_2": _exponent("kappa_2", 0.2, 0.5, 1.0),
}
_EPOCH_NESTED = {
    "kappa": (0.5, 1.0), "R_0": _REPEATS, "p": (0.0,), "q": (0.0,),
    "P": (1e-6, 1e-3, 1e-1), "delta": (0.5, 1.0), "kappa_2": (0.2, 0.5, 1.0),
}  # fmt: skip


@cache
def epochs(
    terms: tuple[str, ...] = ("coupling", "reuse"), n_reference: float = 1e8, u_reference: float = 1e9
) -> Law:
    """The joint surface of N, E and U, with the chosen terms of `EPOCH_TERMS`.

    Without `reuse` every repeated token counts as a fresh one; without `coupling` kappa = 1; without
    `overfit` P = 0. R_0 is the number of worthwhile repetitions at N = `n_reference` parameters and
    U = `u_reference` tokens. Raises LawError.
    """
    if unknown := set(terms) - set(EPOCH_TERMS):
        raise LawError(f"epochs has no term {min(unknown)!r}: choose of {', '.join(EPOCH_TERMS)}")
    terms = tuple(term for term in EPOCH_TERMS if term in terms)
    names = [name for term in terms for name in EPOCH_TERMS[term].split()]

    def predict(p: Values, v: Values) -> Any:
        repeats = _excess(v["E"] / v["U"])
        tokens = v["E"]
        if "reuse" in terms:
            limit = p["R_0"] * (v["U"] / u_reference) ** p["p"] * (v["N"] / n_reference) ** -p["q"]
            tokens = v["E"] / (1 + repeats) * (1 + _saturating(repeats, limit))
        reducible = p["A"] * v["N"] ** -p["alpha"] + p["B"] * tokens ** -p["beta"]
        if "coupling" in terms:
            reducible = reducible ** p["kappa"]
        return p["L_inf"] + reducible + (_penalty(p, v, "kappa_2") if "overfit" in terms else 0.0)

    return Law(
        name="epochs",
        formula=_epochs_formula(terms, n_reference, u_reference),
        inputs=("N", "E", "U"),
        parameters=(*CHINCHILLA.parameters, *(_EPOCH_PARAMETERS[name] for name in names)),
        predict=predict,
        source="the joint surface that nests Muennighoff 2023, Skaling 2026, Lovelace 2026 and Kaplan 1.5",
        derived=_PLAN_EXPONENTS,
        nested=(Nested(CHINCHILLA, {name: _EPOCH_NESTED[name] for name in names}),),
        reference=lambda v: epochs(terms, _power_of_ten(v["N"]), _power_of_ten(v["U"])),
        options={"terms": list(terms), "reference": {"N": n_reference, "U": u_reference}},
    )


def _epochs_formula(terms: tuple[str, ...], n_reference: float, u_reference: float) -> str:
    tokens = r"D_{eff}" if "reuse" in terms else "E"
    power = r"^{\kappa}" if "coupling" in terms else ""
    formula = rf"L(N, E, U) = L_\infty + (A / N^{{\alpha}} + B / {tokens}^{{\beta}}){power}"
    if "overfit" in terms:
        formula += r" + P R^{\delta} (N / U)^{\kappa_2}"
    if "reuse" in terms:
        n, u = (rf"10^{{{math.log10(scale):.0f}}}" for scale in (n_reference, u_reference))
        formula += rf", R^\star = R_0 (U / {u})^p (N / {n})^{{-q}}"
    return formula


def _power_of_ten(value: float) -> float:
    return 10.0 ** round(math.log10(value))


EPOCHS = epochs()

CONTEXT = Law(
    name="context",
    formula=r"L(T) = a + b T^{-c}",
    inputs=("T",),
    parameters=(
        Parameter("a", "nats/token", 0.0, 100.0, _LOG_STARTS, physical_lower=True),
        Parameter("b", "nats/token", 1e-8, 1e8, (0.1, 1.0, 10.0), log=True),
        _exponent("c", 0.1, 0.3, 0.6, 1.0),
    ),
    predict=lambda p, v: p["a"] + p["b"] * v["T"] ** -p["c"],
    source="Kaplan et al. 2020 (arXiv 2001.08361), appendix D.5: the loss at position T of the context",
)

# Its exponents are small where the break is steep: b is nearer a loss than Chinchilla's coefficients are.
_BEND_STARTS = tuple(math.exp(b) for b in (0.0, 3.0, 6.0, 10.0))

BROKEN_POWER = Law(
    name="broken-power",
    formula=r"L(N) = a + b N^{-c_0} (1 + (N / d_1)^{1 / f_1})^{-c_1 f_1}",
    inputs=("N",),
    parameters=(
        Parameter("a", "nats/token", 0.0, 100.0, _LOG_STARTS, physical_lower=True),
        replace(_coefficient("b", "nats/token · parameters^c_0"), starts=_BEND_STARTS),
        _exponent("c_0", 0.05, 0.2, 0.5),
        _exponent("c_1", -0.2, 0.2, 0.5, lower=-5.0),
        Parameter("d_1", "parameters", 1e-2, 1e40, tuple(10.0**e for e in range(3, 24, 3)), log=True),
        Parameter("f_1", "", 0.02, 10.0, (0.3, 1.0), log=True),
    ),
    predict=lambda p, v: _broken_power(p, v["N"]),
    source="Caballero et al. 2022 (arXiv 2210.14891), one break",
    reference=lambda v: _breaking_near(*v, *map(_power_of_ten, v.values())),
)


def _broken_power(p: Values, x: Any) -> Any:
    bend = (1 + (x / p["d_1"]) ** (1 / p["f_1"])) ** (-p["c_1"] * p["f_1"])
    return p["a"] + p["b"] * x ** -p["c_0"] * bend


@cache
def _breaking_near(x: str, middle: float) -> Law:
    """The law in `x` with the searches for its break started around `middle`."""
    law = in_variable(BROKEN_POWER.name, x)
    starts = tuple(middle * 10.0**e for e in (-4, -2, -1, 0, 1, 2, 4))
    return replace(
        law,
        parameters=tuple(replace(p, starts=starts) if p.name == "d_1" else p for p in law.parameters),
    )


OVERTRAINING = Law(
    name="overtraining",
    formula=r"L(C, M) = L_\infty + (a M^{\eta} + b M^{-\eta}) C^{-\eta}",
    inputs=("C", "M"),
    parameters=(
        _IRREDUCIBLE,
        _coefficient("a", "nats/token · FLOPs^η"),
        _coefficient("b", "nats/token · FLOPs^η"),
        _exponent("eta", 0.05, 0.1, 0.2, 0.5, lower=1e-3),
    ),
    predict=lambda p, v: (
        p["L_inf"] + (p["a"] * v["M"] ** p["eta"] + p["b"] * v["M"] ** -p["eta"]) * v["C"] ** -p["eta"]
    ),
    source="Gadre et al. 2024 (arXiv 2403.08540): M = E / N, C = 6NE",
    derived=(Derived("M_opt", r"(b / a)^{1 / 2\eta}", lambda p: (p["b"] / p["a"]) ** (1 / (2 * p["eta"]))),),
)

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        KAPLAN_N, KAPLAN_D, KAPLAN_C, KAPLAN_ND, KAPLAN_NS, CRITICAL_BATCH, POWER_OFFSET, CHINCHILLA,
        SKALING, DATA_CONSTRAINED, EFFECTIVE_REUSE, OVERFIT_EPOCHS, EPOCHS, CONTEXT, BROKEN_POWER,
        OVERTRAINING,
    )
}  # fmt: skip

X_UNITS = {"N": "parameters", "U": "tokens", "E": "tokens", "C": "FLOPs"}
IN_ONE_VARIABLE = (POWER_OFFSET.name, BROKEN_POWER.name)
"""The laws that take any one of N, U, E, C."""


@cache
def in_variable(name: str, x: str = "N") -> Law:
    """`power-offset` or `broken-power` in the variable `x`, one of N, U, E, C. Raises LawError."""
    law = LAWS[name]
    if x not in X_UNITS:
        raise LawError(f"{name} cannot take x={x!r}: it takes one of {', '.join(X_UNITS)}")
    if x == "N":
        return law
    return replace(
        law,
        formula=law.formula.replace("N", x),
        inputs=(x,),
        parameters=tuple(
            replace(parameter, unit=parameter.unit.replace("parameters", X_UNITS[x]))
            for parameter in law.parameters
        ),
        predict=lambda p, v: law.predict(p, {"N": v[x]}),
        early_stopped=x == "U",
    )


def find_law(name: str, x: str = "N", terms: tuple[str, ...] | None = None) -> Law:
    """The law called `name`.

    `x` is the variable of `power-offset` and `broken-power`, `terms` are those of `epochs`. Raises LawError.
    """
    if name not in LAWS:
        raise LawError(f"no law {name!r}: choose one of {', '.join(LAWS)}")
    if name != EPOCHS.name and terms is not None:
        raise LawError(f"terms are for the law epochs, not {name}")
    if name == EPOCHS.name:
        return EPOCHS if terms is None else epochs(tuple(terms))
    return in_variable(name, x) if name in IN_ONE_VARIABLE else LAWS[name]


def chinchilla_optimum(params: Values, flops: Any) -> tuple[Any, Any]:
    """The compute-optimal N (parameters) and E (tokens) for `flops` = 6NE.

    N = G (C/6)^a and E = (C/6)^b / G (Hoffmann et al. 2022, eq. 4).
    """
    plan = CHINCHILLA.derive(params)
    return plan["G"] * (flops / 6) ** plan["a"], (flops / 6) ** plan["b"] / plan["G"]
