"""The laws of Kaplan et al. 2020 (arXiv 2001.08361).

Their D is the number of unique tokens U, with training stopped early: at the lowest loss on held-out text.
"""

from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.laws.law import SCALE_STARTS, Derived, Law, Parameter, exponent, irreducible, scale
from quarry.analysis.laws.mathematics import power, power_of_ratio

_PAPER = "Kaplan et al. 2020 (arXiv 2001.08361)"

KAPLAN_N = Law(
    name="kaplan-n",
    formula=r"L(N) = (N_c / N)^{\alpha_N}",
    inputs=("N",),
    parameters=(scale("N_c", "parameters"), exponent("alpha_N", 0.03, 0.1, 0.3, 1.0)),
    predict=lambda p, v: power_of_ratio(p["N_c"], v["N"], p["alpha_N"]),
    source=f"{_PAPER}, eq. 1.1",
    decay=(("alpha_N",),),
)

KAPLAN_D = Law(
    name="kaplan-d",
    formula=r"L(U) = (D_c / U)^{\alpha_D}",
    inputs=("U",),
    parameters=(scale("D_c", "tokens"), exponent("alpha_D", 0.03, 0.1, 0.3, 1.0)),
    predict=lambda p, v: power_of_ratio(p["D_c"], v["U"], p["alpha_D"]),
    source=f"{_PAPER}, eq. 1.2: its D is the unique tokens U, stopped early",
    decay=(("alpha_D",),),
    early_stopped=True,
)

KAPLAN_C = Law(
    name="kaplan-c",
    formula=r"L(C) = (C_c / C)^{\alpha_C}",
    inputs=("C",),
    parameters=(scale("C_c", "FLOPs"), exponent("alpha_C", 0.03, 0.1, 0.3, 1.0)),
    predict=lambda p, v: power_of_ratio(p["C_c"], v["C"], p["alpha_C"]),
    source=f"{_PAPER}, eq. 1.3 and 3.3, in FLOPs instead of PF-days",
    decay=(("alpha_C",),),
)

KAPLAN_ND = Law(
    name="kaplan-nd",
    formula=r"L(N, U) = \left[ (N_c / N)^{\alpha_N / \alpha_D} + D_c / U \right]^{\alpha_D}",
    inputs=("N", "U"),
    parameters=(
        scale("N_c", "parameters"),
        scale("D_c", "tokens"),
        exponent("alpha_N", 0.03, 0.1, 0.3, 1.0),
        exponent("alpha_D", 0.03, 0.1, 0.3, 1.0, lower=1e-3),
    ),
    predict=lambda p, v: power(
        power_of_ratio(p["N_c"], v["N"], p["alpha_N"] / p["alpha_D"]) + p["D_c"] / v["U"], p["alpha_D"]
    ),
    source=f"{_PAPER}, eq. 1.5: its D is the unique tokens U, stopped early",
    derived=(
        Derived("data_exponent", r"\alpha_N / \alpha_D", lambda p: p["alpha_N"] / p["alpha_D"]),
        Derived("data_for_8x_N", r"8^{\alpha_N / \alpha_D}", lambda p: power(8, p["alpha_N"] / p["alpha_D"])),
    ),
    decay=(("alpha_N",), ("alpha_D",)),
    early_stopped=True,
)

KAPLAN_NS = Law(
    name="kaplan-ns",
    formula=r"L(N, S_{min}) = (N_c / N)^{\alpha_N} + (S_c / S_{min})^{\alpha_S}",
    inputs=("N", "S_min"),
    parameters=(
        scale("N_c", "parameters"),
        scale("S_c", "steps"),
        exponent("alpha_N", 0.03, 0.1, 0.3, 1.0),
        exponent("alpha_S", 0.1, 0.3, 0.6, 1.0),
    ),
    predict=lambda p, v: (
        power_of_ratio(p["N_c"], v["N"], p["alpha_N"]) + power_of_ratio(p["S_c"], v["S_min"], p["alpha_S"])
    ),
    source=f"{_PAPER}, eq. 1.6 and 5.6",
    derived=(Derived("f", r"\alpha_N / \alpha_S", lambda p: p["alpha_N"] / p["alpha_S"]),),
    decay=(("alpha_N",), ("alpha_S",)),
)

CRITICAL_BATCH = Law(
    name="critical-batch",
    formula=r"B_{crit}(L) = B_\star / L^{1 / \alpha_B}",
    inputs=("loss",),
    parameters=(
        Parameter("B_star", "tokens", 1e-8, 1e40, SCALE_STARTS, log=True),
        exponent("alpha_B", 0.1, 0.2, 0.5, 1.0, lower=1e-2),
    ),
    predict=lambda p, v: critical_batch(v["loss"], p),
    source=f"{_PAPER}, eq. 1.4",
    response="B_crit",
)

CONTEXT = Law(
    name="context",
    formula=r"L(T) = a + b T^{-c}",
    inputs=("T",),
    parameters=(
        irreducible("a"),
        Parameter("b", "nats/token", 1e-8, 1e8, (0.1, 1.0, 10.0), log=True),
        exponent("c", 0.1, 0.3, 0.6, 1.0),
    ),
    predict=lambda p, v: p["a"] + p["b"] * power(v["T"], -p["c"]),
    source=f"{_PAPER}, appendix D.5: the loss at position T of the context",
    decay=(("c",),),
)
