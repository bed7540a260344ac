"""What a compiled program does: the FLOPs of its matrix products and its collectives, loops multiplied out.

XLA's own cost analysis counts the body of a loop once, and the layers of a scanned model are a loop.
"""

import math
import re
from collections import defaultdict
from typing import Any

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")
BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "s32": 4, "u32": 4, "f32": 4}

COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
CALLED = re.compile(r"(?:body|calls|to_apply|true_computation|false_computation)=%?([\w.\-]+)")
CONDITION = re.compile(r" while\(.*condition=%?([\w.\-]+)")
CONSTANT = re.compile(r" = s32\[\]\S* constant\((\d+)\)")
COLLECTIVE = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")


def product_flops(jaxpr: Any) -> int:
    """FLOPs of every `dot_general` of a jaxpr: two per multiplication and addition."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            depth = math.prod(shape[axis] for axis in contracted)
            total += 2 * depth * math.prod(equation.outvars[0].aval.shape)
        inner = sum(product_flops(found) for value in equation.params.values() for found in _jaxprs(value))
        total += inner * (equation.params["length"] if equation.primitive.name == "scan" else 1)
    return total


def _jaxprs(value: Any) -> list[Any]:
    """The jaxprs in a parameter of an equation."""
    if isinstance(value, (tuple, list)):
        return [found for item in value for found in _jaxprs(item)]
    value = getattr(value, "jaxpr", value)
    return [value] if hasattr(value, "eqns") else []


def collectives(hlo: str) -> dict[str, tuple[int, int]]:
    """Kind -> number in one run of the program, and bytes of their results on one device."""
    lines, entry = _computations(hlo)
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    _add(lines, entry, 1, totals)
    return {kind: (totals[kind][0], totals[kind][1]) for kind in KINDS if kind in totals}


def _computations(hlo: str) -> tuple[dict[str, list[str]], str]:
    """The lines of each computation, and the name of the entry."""
    lines, entry, name = dict[str, list[str]](), "", ""
    for line in hlo.splitlines():
        if opening := COMPUTATION.match(line):
            name = opening[1]
            lines[name] = []
            entry = name if line.startswith("ENTRY") else entry
        elif name:
            lines[name].append(line)
    return lines, entry


def _add(lines: dict[str, list[str]], name: str, times: int, totals: dict[str, list[int]]) -> None:
    """Add `times` runs of a computation and of what it calls."""
    for line in lines.get(name, ()):
        if found := COLLECTIVE.search(line):
            totals[found[2]][0] += times
            totals[found[2]][1] += times * _result_bytes(found[1], "-start(" in line)
        for called in CALLED.findall(line):
            _add(lines, called, times * _trips(lines, line), totals)


def _trips(lines: dict[str, list[str]], line: str) -> int:
    """How often what a line calls runs: JAX's scans count from 0 to the constant of their condition."""
    condition = CONDITION.search(line)
    text = "\n".join(lines.get(condition[1], ())) if condition else ""
    return max((int(count) for count in CONSTANT.findall(text)), default=1)


def _result_bytes(shape: str, started: bool) -> int:
    """Bytes of a result; one that is only started lists its operands too, and is counted by its largest."""
    sizes = [
        BYTES.get(kind, 4) * math.prod(int(n) for n in dims.split(",") if n)
        for kind, dims in ARRAY.findall(shape)
    ]
    return max(sizes, default=0) if started else sum(sizes)
