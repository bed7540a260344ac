"""Laws of model size and tokens processed: Chinchilla, Skaling, and over-training."""

from typing import Any

from quarry.analysis.laws.law import (
    Derived,
    Law,
    Nested,
    Parameter,
    Values,
    coefficient,
    exponent,
    irreducible,
)
from quarry.analysis.laws.mathematics import power, power_of_ratio


def plan_scale(p: Values) -> Any:
    """G of Hoffmann et al. 2022, eq. 4: N_opt = G (C / 6)^a."""
    return power(p["alpha"] * p["A"] / (p["beta"] * p["B"]), 1 / (p["alpha"] + p["beta"]))


PLAN_EXPONENTS = (
    Derived("a", r"\beta / (\alpha + \beta)", lambda p: p["beta"] / (p["alpha"] + p["beta"])),
    Derived("b", r"\alpha / (\alpha + \beta)", lambda p: p["alpha"] / (p["alpha"] + p["beta"])),
)
"""The exponents of N_opt ~ C^a and E_opt ~ C^b."""

PLAN = (*PLAN_EXPONENTS, Derived("G", r"(\alpha A / \beta B)^{1 / (\alpha + \beta)}", plan_scale))
"""The compute-optimal plan: its exponents and its scale."""

# The grid of starts is the paper's own, 4,500 points.
CHINCHILLA = Law(
    name="chinchilla",
    formula=r"L(N, E) = L_\infty + A / N^{\alpha} + B / E^{\beta}",
    inputs=("N", "E"),
    parameters=(
        irreducible(),
        coefficient("A", "nats/token · parameters^α"),
        coefficient("B", "nats/token · tokens^β"),
        exponent("alpha", 0.0, 0.5, 1.0, 1.5, 2.0),
        exponent("beta", 0.0, 0.5, 1.0, 1.5, 2.0),
    ),
    predict=lambda p, v: (
        p["L_inf"] + p["A"] * power(v["N"], -p["alpha"]) + p["B"] * power(v["E"], -p["beta"])
    ),
    source="Hoffmann et al. 2022 (arXiv 2203.15556), eq. 2",
    derived=PLAN,
    decay=(("alpha",), ("beta",)),
)

KAPPA = Parameter("kappa", "", 0.02, 5.0, (0.3, 0.6, 1.0), log=True)

SKALING = Law(
    name="skaling",
    formula=r"L(N, E) = L_\infty + (A / N^{\alpha} + B / E^{\beta})^{\kappa}",
    inputs=("N", "E"),
    parameters=(*CHINCHILLA.parameters, KAPPA),
    predict=lambda p, v: (
        p["L_inf"]
        + power(p["A"] * power(v["N"], -p["alpha"]) + p["B"] * power(v["E"], -p["beta"]), p["kappa"])
    ),
    source="Skaling (arXiv 2608.07222), read in a secondary source",
    derived=PLAN,
    decay=(("alpha", "kappa"), ("beta", "kappa")),
    nested=(Nested(CHINCHILLA, {"kappa": (1.0,)}),),
)

OVERTRAINING = Law(
    name="overtraining",
    formula=r"L(C, M) = L_\infty + (a M^{\eta} + b M^{-\eta}) C^{-\eta}",
    inputs=("C", "M"),
    parameters=(
        irreducible(),
        coefficient("a", "nats/token · FLOPs^η"),
        coefficient("b", "nats/token · FLOPs^η"),
        exponent("eta", 0.05, 0.1, 0.2, 0.5, lower=1e-3),
    ),
    predict=lambda p, v: (
        p["L_inf"]
        + (p["a"] * power(v["M"], p["eta"]) + p["b"] * power(v["M"], -p["eta"])) * power(v["C"], -p["eta"])
    ),
    source="Gadre et al. 2024 (arXiv 2403.08540): M = E / N, C = 6NE",
    derived=(
        Derived(
            "M_opt", r"(b / a)^{1 / 2\eta}", lambda p: power_of_ratio(p["b"], p["a"], 1 / (2 * p["eta"]))
        ),
    ),
    decay=(("eta",),),
)


def chinchilla_optimum(params: Values, flops: Any) -> tuple[Any, Any]:
    """The compute-optimal N (parameters) and E (tokens) for `flops` = 6NE.

    N = G (C/6)^a and E = (C/6)^b / G (Hoffmann et al. 2022, eq. 4).
    """
    plan = CHINCHILLA.derive(params)
    return plan["G"] * power(flops / 6, plan["a"]), power(flops / 6, plan["b"]) / plan["G"]
