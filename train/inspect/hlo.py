"""What a compiled program does: matrix products, its collectives, what it moves from and to memory.

Loops are multiplied out: XLA's own cost analysis counts the body of a loop once, and the layers of a scanned
model are a loop.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")
BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "s32": 4, "u32": 4, "f32": 4}
UNMOVED = ("parameter", "constant", "iota", "tuple", "get-tuple-element", "bitcast", "after-all")
UNMOVED += ("while", "conditional", "call", "optimization-barrier", "partition-id", "replica-id")
"""Instructions that move nothing themselves; those that call others are counted there."""
PIECES = ("dynamic-slice", "slice", "gather")
"""Instructions that read a piece of their first operand as large as their result."""

COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) .*\{$")
INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = (.*?) ([a-z][a-z0-9\-]*)\(([^)]*)\)?(.*)")
OPERAND = re.compile(r"%([\w.\-]+)")
CALLED = re.compile(r"(?:body|to_apply|true_computation|false_computation)=%?([\w.\-]+)")
BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
FUSED = re.compile(r"calls=%?([\w.\-]+)")
CONDITION = re.compile(r"condition=%?([\w.\-]+)")
KERNEL = re.compile(r'custom_call_target="(__cudnn[^"]*|tpu_custom_call)"')
TRIPS = re.compile(r'known_trip_count"?:\{"n":"(\d+)"\}')
CONSTANT = re.compile(r" = s32\[\]\S* constant\((\d+)\)")
ARRAY = re.compile(r"(\w+)\[([\d,]*)\](\{[^}]*\})?")
NEAR = re.compile(r"S\([1-9]\d*\)")
"""In a layout: this array lies in the chip's own fast memory."""


def product_flops(jaxpr: Any) -> int:
    """FLOPs of each `dot_general` of a jaxpr, two per multiplication and addition, and of flash attention."""
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
                product_flops(found) for value in equation.params.values() for found in _jaxprs(value)
            )
            total += round(inner * _times(equation))
    return total


def _cudnn_flops(name: str, shape: tuple[int, ...]) -> int:
    """Of cuDNN's causal attention of queries [B, T, H, K]: two products, or five in the backward pass."""
    B, T, H, K = shape
    return (5 if "bwd" in name else 2) * 2 * B * H * T * T * K // 2


def _times(equation: Any) -> float:
    """How often what an equation calls runs, on all devices together. Of the blocks of splash attention the
    mask leaves those on and below the diagonal."""
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
        return [found for item in value for found in _jaxprs(item)]
    value = getattr(value, "jaxpr", value)
    return [value] if hasattr(value, "eqns") else []


@dataclass(frozen=True)
class Instruction:
    """A line of a compiled program."""

    result: str
    opcode: str
    inside: str
    """Of its parentheses."""
    rest: str

    @cached_property
    def operands(self) -> tuple[str, ...]:
        return tuple(OPERAND.findall(self.inside))

    @property
    def fused(self) -> str | None:
        """The computation that a fusion is made of."""
        found = FUSED.search(self.rest)
        return found[1] if found and self.opcode == "fusion" else None


Computation = dict[str, Instruction]


class Program:
    """A compiled program, by computation and name."""

    def __init__(self, hlo: str):
        self._computations: dict[str, Computation] = {}
        self._bounds: dict[str, int] = {}
        self._entry = ""
        self._parse(hlo)

    def _parse(self, hlo: str) -> None:
        name = ""
        for line in hlo.splitlines():
            if opening := COMPUTATION.match(line):
                name = opening[1]
                self._computations[name] = {}
                self._entry = name if line.startswith("ENTRY") else self._entry
            elif name and (found := INSTRUCTION.match(line)):
                self._computations[name][found[1]] = Instruction(*found.groups()[1:])
                if bound := CONSTANT.search(line):
                    self._bounds[name] = max(self._bounds.get(name, 0), int(bound[1]))

    def _run(
        self, name: str, times: int = 1, *, inside: bool = False
    ) -> Iterator[tuple[Computation, Instruction, int]]:
        """Every instruction that a computation runs, its neighbours and how often; of fusions too what is
        `inside` them, if asked."""
        computation = self._computations.get(name, {})
        for instruction in computation.values():
            yield computation, instruction, times
            branches = BRANCHES.search(instruction.rest)
            called = CALLED.findall(instruction.rest) + (OPERAND.findall(branches[1]) if branches else [])
            if instruction.opcode in ("while", "call", "conditional"):
                for inner in called:
                    yield from self._run(inner, times * self._trips(instruction), inside=inside)
            elif inside and (fused := FUSED.search(instruction.rest)):
                yield from self._run(fused[1], times, inside=True)

    def _trips(self, instruction: Instruction) -> int:
        """As the compiler knows; else JAX's scans count from 0 to the constant of their condition."""
        if known := TRIPS.search(instruction.rest):
            return int(known[1])
        condition = CONDITION.search(instruction.rest)
        return self._bounds.get(condition[1], 1) if condition else 1

    def collectives(self) -> dict[str, tuple[int, int]]:
        """Kind -> number in one run of the program, and bytes of their results on one device."""
        totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for _, instruction, times in self._run(self._entry, inside=True):
            kind = instruction.opcode.removesuffix("-start")
            if kind in KINDS:
                sizes = [_size(*array) for array in ARRAY.findall(instruction.result)]
                started = instruction.opcode != kind  # then operands are listed too: the largest counts
                totals[kind][0] += times
                totals[kind][1] += times * (max(sizes, default=0) if started else sum(sizes))
        return {kind: (totals[kind][0], totals[kind][1]) for kind in KINDS if kind in totals}

    def kernels(self) -> dict[str, int]:
        """Kernels that are not the compiler's own -> how often they run: attention of cuDNN, or by Pallas."""
        totals: dict[str, int] = defaultdict(int)
        for _, instruction, times in self._run(self._entry):
            if found := KERNEL.search(instruction.rest):
                totals[found[1]] += times
        return dict(totals)

    def memory_traffic(self) -> int:
        """Bytes moved to and from the device's memory in one run, by what each instruction reads and writes.

        What lies in the chip's fast memory counts for nothing, a piece of an array for the piece.
        """
        return sum(times * self._moved(where, found) for where, found, times in self._run(self._entry))

    def _moved(self, computation: Computation, instruction: Instruction) -> int:
        opcode = instruction.opcode
        if opcode in UNMOVED or opcode.endswith(("-done", "-update")):
            return 0
        if opcode.endswith("slice-start"):
            return 2 * min(_size(*array) for array in ARRAY.findall(instruction.result) if array[1])
        if opcode.endswith("-start"):  # lists what it reads beside what it writes
            return _far(instruction.result)
        if opcode in PIECES:
            return 2 * _far(instruction.result)
        if opcode == "dynamic-update-slice":
            return 2 * _far(_shape(computation, instruction.operands[1]))
        if instruction.fused:
            return self._moved_by_fusion(computation, instruction)
        return _far(instruction.result) + sum(
            _far(_shape(computation, name)) for name in instruction.operands
        )

    def _moved_by_fusion(self, computation: Computation, fusion: Instruction) -> int:
        inner = self._computations.get(fusion.fused or "", {})
        updates = [found for found in inner.values() if found.opcode == "dynamic-update-slice"]
        moved = sum(_far(_shape(inner, found.operands[1])) for found in updates) or _far(fusion.result)
        names = {int(found.inside): name for name, found in inner.items() if found.opcode == "parameter"}
        for number, operand in enumerate(fusion.operands):
            whole = _far(_shape(computation, operand))
            moved += min(whole, _read(inner, names[number], whole)) if number in names else whole
        return moved


def _read(inner: Computation, name: str, whole: int) -> int:
    """Bytes that a fusion reads of its parameter `name`: the `whole`, or pieces where it uses no more."""
    total = 0
    for user in (found for found in inner.values() if name in found.operands):
        first = user.operands[0] == name
        if user.opcode in PIECES and first:
            total += _far(user.result)
        elif user.opcode == "bitcast":
            total += _read(inner, next(key for key, value in inner.items() if value is user), whole)
        elif not (user.opcode == "dynamic-update-slice" and first):  # that writes in place
            return whole
    return total


def _size(kind: str, dimensions: str, _layout: str = "") -> int:
    return BYTES.get(kind, 4) * math.prod(int(n) for n in dimensions.split(",") if n)


def _far(shape: str) -> int:
    """Bytes of the arrays of a shape that lie in the device's memory."""
    return sum(_size(*array) for array in ARRAY.findall(shape) if not NEAR.search(array[2]))


def _shape(computation: Computation, name: str) -> str:
    return computation[name].result if name in computation else ""
