"""Laws of model size, tokens processed and unique tokens: the value of a token that is seen again."""

import math
from functools import cache
from typing import Any

from quarry.analysis.laws.chinchilla import CHINCHILLA, KAPPA, PLAN, PLAN_EXPONENTS, plan_scale
from quarry.analysis.laws.law import Law, Nested, Parameter, Values, exponent
from quarry.analysis.laws.mathematics import (
    exp,
    log,
    maximum,
    minimum,
    nearest_power_of_ten,
    power,
    power_of_ratio,
)
from quarry.errors import LawError

_REPEATS = (1.0, 5.0, 20.0, 100.0)

# Above this the limit makes no difference, and 1 - exp(-repeats / limit) would lose its digits to rounding.
_LARGEST_LIMIT = 1e11


def _repeats(v: Values) -> Any:
    """E / U - 1, the passes after the first; 0 within the first."""
    return maximum(v["E"] / v["U"] - 1, 0)


def _saturating(repeats: Any, limit: Any) -> Any:
    """limit (1 - exp(-repeats / limit)): the value of repeats, each worth a little less than the one before.

    For few repeats it is their number; for many it levels off at `limit`.
    """
    limit = minimum(limit, _LARGEST_LIMIT)
    return limit * (1 - exp(-repeats / limit))


def _effective_tokens(v: Values, limit: Any) -> Any:
    """U + U R (1 - exp(-repeats / R)) tokens, with R = `limit`; E within the first pass."""
    repeats = _repeats(v)
    return v["E"] / (1 + repeats) * (1 + _saturating(repeats, limit))


def _data_constrained(p: Values, v: Values) -> Any:
    g = plan_scale(p)
    unique_seen = v["E"] / (1 + _repeats(v))  # min(U, E)
    n_optimal = power(unique_seen * g, p["beta"] / p["alpha"]) * g
    surplus = maximum(v["N"] / n_optimal - 1, 0)
    n = v["N"] / (1 + surplus) * (1 + _saturating(surplus, p["R_N"]))
    return CHINCHILLA.predict(p, {"N": n, "E": _effective_tokens(v, p["R_D"])})


DATA_CONSTRAINED = Law(
    name="data-constrained",
    formula=r"L(N, E, U) = L_\infty + A / N'^{\alpha} + B / D'^{\beta}",
    inputs=("N", "E", "U"),
    parameters=(
        *CHINCHILLA.parameters[:3],
        exponent("alpha", 0.1, 0.3, 0.5, 1.0, lower=1e-3),
        exponent("beta", 0.1, 0.3, 0.5, 1.0, lower=1e-3),
        Parameter("R_D", "repetitions", 1e-3, 1e6, _REPEATS, log=True),
        Parameter("R_N", "repetitions", 1e-3, 1e6, _REPEATS, log=True),
    ),
    predict=_data_constrained,
    source="Muennighoff et al. 2023 (arXiv 2305.16264), D' = U + U R_D (1 - exp(-R / R_D)), N' likewise",
    derived=PLAN,
    decay=CHINCHILLA.decay,
    nested=(Nested(CHINCHILLA, {"R_D": _REPEATS, "R_N": _REPEATS}),),
)


def _effective_reuse(p: Values, v: Values) -> Any:
    limit = p["rho"] * log(1 + v["U"] / p["U_0"])
    return CHINCHILLA.predict(p, {"N": v["N"], "E": _effective_tokens(v, limit)})


_RHO, _ORIGINS = (0.3, 1.0, 3.0), (1.0, 1e4, 1e8)

# The source proves two limits of the effective reuse rate E_r(k, U): it is k while k is small, and it levels
# off at a value that grows as ln U. Two choices are ours. The curve between the limits is the saturating
# exponential of Muennighoff 2023, so that the two laws differ only in what sets the level. The level is
# rho ln(1 + U / U_0), which is positive at any U. Their fit for a 0.3B model, which we read as E_r = 0.75 k
# at k = 0.80 ln(U / 1e9) + 5.21, is reproduced by rho = 1.29 and U_0 = 1.65e7, to 0.1% for U of 0.2 to 2
# billion tokens.
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
    derived=PLAN,
    decay=CHINCHILLA.decay,
    nested=(Nested(CHINCHILLA, {"rho": _RHO, "U_0": _ORIGINS}),),
)

_PENALTY = (
    Parameter("P", "nats/token", 1e-12, 1e6, (1e-4, 1e-2, 1.0), log=True),
    exponent("delta", 0.3, 0.7, 1.5, lower=0.05),  # at 0 the penalty would be a constant, like L_inf
)


def _penalty(p: Values, v: Values, ratio_exponent: Any) -> Any:
    """What overfitting adds to the loss: P repeats^delta (N / U)^ratio_exponent, in nats per token."""
    return p["P"] * power(_repeats(v), p["delta"]) * power_of_ratio(v["N"], v["U"], ratio_exponent)


OVERFIT_EPOCHS = Law(
    name="overfit-epochs",
    formula=r"L(N, E, U) = L_\infty + A / N^{\alpha} + B / E^{\beta} + P R^{\delta} (N / U)^{\kappa}",
    inputs=("N", "E", "U"),
    parameters=(*CHINCHILLA.parameters, *_PENALTY, exponent("kappa", 0.2, 0.5, 1.0)),
    predict=lambda p, v: CHINCHILLA.predict(p, v) + _penalty(p, v, p["kappa"]),
    source="Lovelace 2026 (arXiv 2605.01640), R = max(E / U - 1, 0), read in a secondary source",
    derived=PLAN,
    decay=CHINCHILLA.decay,
    nested=(Nested(CHINCHILLA, {"P": (1e-6, 1e-3, 1e-1), "delta": (0.5, 1.0), "kappa": (0.2, 0.5, 1.0)}),),
)

_LEAST_SPAN = 1e-6
"""nats/token: L_0 below L_inf counts as this far above it."""


def _bounded(p: Values, v: Values) -> Any:
    span = maximum(p["L_0"] - p["L_inf"], _LEAST_SPAN)
    overfit = p["P"] * power(v["N"], p["gamma"]) * power(v["U"], -p["delta"])
    free = CHINCHILLA.predict(p, v) - p["L_inf"] + overfit
    return p["L_inf"] + free / (1 + free / span)


# With h = (A / N^alpha + B / E^beta + P N^gamma / U^delta) / (L_0 - L_inf) this is the source's L_inf +
# (L_0 - L_inf) h / (1 + h); A, B and P are in nats per token, so that the law nests Chinchilla's.
BOUNDED = Law(
    name="bounded",
    formula=r"L(N, E, U) = L_\infty + (L_0 - L_\infty) h / (1 + h), "
    r"h (L_0 - L_\infty) = A / N^{\alpha} + B / E^{\beta} + P N^{\gamma} / U^{\delta}",
    inputs=("N", "E", "U"),
    parameters=(
        *CHINCHILLA.parameters,
        Parameter("L_0", "nats/token", 1e-3, 1e4, (4.0, 12.0, 100.0), log=True),
        Parameter("P", "nats/token", 1e-12, 1e6, (1e-4, 1e-2, 1.0), log=True),
        exponent("gamma", 0.2, 0.5, 1.0),
        exponent("delta", 0.2, 0.5, 1.0),
    ),
    predict=_bounded,
    source="Practical scaling laws 2026 (arXiv 2605.09189): never above L_0, the loss of knowing nothing; "
    "overfitting is the third term; read in a secondary source",
    decay=CHINCHILLA.decay,
    nested=(
        Nested(
            CHINCHILLA,
            {"L_0": (6.0, 100.0), "P": (1e-6, 1e-3, 1e-1), "gamma": (0.2, 0.5, 1.0), "delta": (0.2, 0.5)},
        ),
    ),
)

EPOCH_TERMS = {"coupling": "kappa", "reuse": "R_0 p q", "overfit": "P delta kappa_2"}
"""The terms that the joint surface adds to Chinchilla's, and the parameters of each."""

_EPOCH_PARAMETERS = {
    "kappa": KAPPA,
    "R_0": Parameter("R_0", "repetitions", 1e-3, 1e6, _REPEATS, log=True),
    "p": exponent("p", -0.3, 0.0, 0.3, lower=-5.0),
    "q": exponent("q", -0.3, 0.0, 0.3, lower=-5.0),
    "P": _PENALTY[0],
    "delta": _PENALTY[1],
    "kappa_2": exponent("kappa_2", 0.2, 0.5, 1.0),
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

    Without `reuse` a repeated token counts as a fresh one; without `coupling` kappa = 1; without `overfit`
    P = 0. R_0 is the number of worthwhile repetitions at N = `n_reference` parameters and U = `u_reference`
    tokens. Raises LawError.
    """
    if unknown := set(terms) - set(EPOCH_TERMS):
        raise LawError(f"epochs has no term {min(unknown)!r}; known: {', '.join(EPOCH_TERMS)}")
    terms = tuple(term for term in EPOCH_TERMS if term in terms)
    names = [name for term in terms for name in EPOCH_TERMS[term].split()]

    def predict(p: Values, v: Values) -> Any:
        tokens = v["E"]
        if "reuse" in terms:
            limit = p["R_0"] * power_of_ratio(v["U"], u_reference, p["p"])
            limit = limit * power_of_ratio(v["N"], n_reference, -p["q"])
            tokens = _effective_tokens(v, limit)
        reducible = p["A"] * power(v["N"], -p["alpha"]) + p["B"] * power(tokens, -p["beta"])
        if "coupling" in terms:
            reducible = power(reducible, p["kappa"])
        return p["L_inf"] + reducible + (_penalty(p, v, p["kappa_2"]) if "overfit" in terms else 0.0)

    return Law(
        name="epochs",
        formula=_epochs_formula(terms, n_reference, u_reference),
        inputs=("N", "E", "U"),
        parameters=(*CHINCHILLA.parameters, *(_EPOCH_PARAMETERS[name] for name in names)),
        predict=predict,
        source="the joint surface that nests Muennighoff 2023, Skaling 2026, Lovelace 2026 and Kaplan 1.5",
        derived=PLAN_EXPONENTS,
        decay=tuple((name, *(("kappa",) if "coupling" in terms else ())) for name in ("alpha", "beta")),
        nested=(Nested(CHINCHILLA, {name: _EPOCH_NESTED[name] for name in names}),),
        reference=lambda v: epochs(terms, nearest_power_of_ten(v["N"]), nearest_power_of_ten(v["U"])),
        options={"terms": list(terms), "reference": {"N": n_reference, "U": u_reference}},
    )


def _epochs_formula(terms: tuple[str, ...], n_reference: float, u_reference: float) -> str:
    tokens = r"D_{eff}" if "reuse" in terms else "E"
    coupling = r"^{\kappa}" if "coupling" in terms else ""
    formula = rf"L(N, E, U) = L_\infty + (A / N^{{\alpha}} + B / {tokens}^{{\beta}}){coupling}"
    if "overfit" in terms:
        formula += r" + P R^{\delta} (N / U)^{\kappa_2}"
    if "reuse" in terms:
        n, u = (rf"10^{{{math.log10(scale):.0f}}}" for scale in (n_reference, u_reference))
        formula += rf", R^\star = R_0 (U / {u})^p (N / {n})^{{-q}}"
    return formula


EPOCHS = epochs()
