"""FLOPs of the matrix products of a traced program.

Loops are multiplied out. XLA's own cost analysis counts the body of a loop once, and the layers of a scanned
model are a loop.
"""

import math
from typing import Any


def product_flops(jaxpr: Any) -> int:
    """FLOPs of the products and flash attention of a jaxpr; a multiplication and an addition are two."""
    total = 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            depth = math.prod(shape[axis] for axis in contracted)
            total += 2 * depth * math.prod(equation.outvars[0].aval.shape)
        elif name.startswith("dot_product_attention"):
            total += _cudnn_flops(name, equation.invars[0].aval.shape)
        else:
            inner = sum(
                product_flops(jaxpr) for value in equation.params.values() for jaxpr in _jaxprs(value)
            )
            total += round(inner * _repetitions(equation))
    return total


def _cudnn_flops(name: str, shape: tuple[int, ...]) -> int:
    """FLOPs of cuDNN's causal attention of queries [B, T, H, K]: two products, five in the backward pass."""
    B, T, H, K = shape
    return (5 if "bwd" in name else 2) * 2 * B * H * T * T * K // 2


def _repetitions(equation: Any) -> float:
    """How often the jaxprs inside an equation run, on all devices together.

    Splash attention runs the blocks on and below the diagonal only.
    """
    if equation.primitive.name == "scan":
        return equation.params["length"]
    if equation.primitive.name == "shard_map":
        return equation.params["mesh"].size
    if equation.primitive.name == "pallas_call":
        grid = equation.params["grid_mapping"].grid
        return math.prod(grid) * (grid[-1] + 1) / (2 * grid[-1])
    return 1


def _jaxprs(value: Any) -> list[Any]:
    """The jaxprs in a parameter of an equation."""
    if isinstance(value, (tuple, list)):
        return [jaxpr for item in value for jaxpr in _jaxprs(item)]
    value = getattr(value, "jaxpr", value)
    return [value] if hasattr(value, "eqns") else []
