"""Several laws as one: their weighted mean, with the parameters of all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from quarry.analysis.laws.chinchilla import OVERTRAINING
from quarry.analysis.laws.law import Law, Parameter, Values, irreducible
from quarry.analysis.laws.power_laws import BROKEN_POWER

MIXTURE = "auto"
"""The name of the mixture, as `--law` takes it."""

COUNTS = 0.05
"""Of a law of less weight there are few draws, and they change little; its warnings are not repeated."""

_WEIGHT = "weight"


@cache
def overtraining_of_counts() -> Law:
    """`overtraining` as a law of N and E: C = 6NE, M = E / N."""

    def predict(p: Values, v: Values) -> Any:
        return OVERTRAINING.predict(p, {"C": 6.0 * v["N"] * v["E"], "M": v["E"] / v["N"]})

    return replace(OVERTRAINING, inputs=("N", "E"), predict=predict)


def mix_laws(laws: Sequence[Law]) -> Law:
    """The mean of laws of the same inputs, weighted by parameters of their own.

    The parameters: `weight.<law>`, `<law>.<parameter>`, and L_inf, the weighted irreducible loss, which
    follows from the others.
    """
    return Law(
        name=MIXTURE,
        formula="L = " + " + ".join(rf"w_{i} \cdot \text{{{law.name}}}" for i, law in enumerate(laws, 1)),
        inputs=laws[0].inputs,
        parameters=(irreducible(), *(p for law in laws for p in (_weight(law), *_own(law)))),
        predict=lambda p, v: sum(
            p[f"{_WEIGHT}.{law.name}"] * law.predict(_params(law, p), v) for law in laws
        ),
        source="stacking by the interval score of backtests (Yao et al. 2018, arXiv 1704.02030)",
        options={"members": [law.name for law in laws]},
    )


def mixed_params(weights: Mapping[str, Any], params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The mixture's parameters from the weight and the parameters of each law, numbers or arrays."""
    floor = sum(weights[law] * own.get(floor_name(law), 0.0) for law, own in params.items())
    known = {f"{_WEIGHT}.{law}": weight for law, weight in weights.items()}
    known |= {f"{law}.{name}": value for law, own in params.items() for name, value in own.items()}
    return {"L_inf": floor, **known}


def floor_name(law: str) -> str:
    """The parameter that is a law's irreducible loss; the a of overtraining is a coefficient."""
    return "a" if law == BROKEN_POWER.name else "L_inf"


def member_params(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of each law of a mixture, by the law's name."""
    return {
        law: {name.removeprefix(f"{law}."): v for name, v in params.items() if name.startswith(f"{law}.")}
        for law in law_weights(params)
    }


def is_weight(name: str) -> bool:
    """Whether a parameter of a mixture is the weight of a law, which 0 and 1 limit by themselves."""
    return name.startswith(f"{_WEIGHT}.")


def weight_of(params: Mapping[str, Any], name: str) -> Any:
    """The weight of the law that a parameter of a mixture belongs to; 1 for a parameter of none."""
    return params.get(f"{_WEIGHT}.{name.partition('.')[0]}", np.ones(1))


def law_weights(params: Mapping[str, Any]) -> dict[str, Any]:
    """The weight of each law of a mixture, a number or an array, by the law's name."""
    return {name.removeprefix(f"{_WEIGHT}."): value for name, value in params.items() if is_weight(name)}


def law_shares(draws: Mapping[str, np.ndarray], marked: np.ndarray) -> dict[str, float]:
    """The share of each law's draws that are marked [draws], by the law's name; empty where it is no mixture.

    Draws of a mixture are of one law each; laws without any are left out.
    """
    own = {law: draws[f"{_WEIGHT}.{law}"] > 0 for law in member_params(draws)}
    return {law: float(marked[drawn].mean()) for law, drawn in own.items() if drawn.any()}


def _weight(law: Law) -> Parameter:
    return Parameter(f"{_WEIGHT}.{law.name}", "", 0.0, 1.0, (0.5,))


def _own(law: Law) -> tuple[Parameter, ...]:
    return tuple(replace(parameter, name=f"{law.name}.{parameter.name}") for parameter in law.parameters)


def _params(law: Law, params: Values) -> dict[str, Any]:
    return {name: params[f"{law.name}.{name}"] for name in law.parameter_names}
