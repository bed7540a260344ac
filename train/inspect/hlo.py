"""Reads the text of a compiled program (HLO): its collectives, kernels and memory traffic.

Loops are multiplied out, as in `jaxpr_flops.py`.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

COLLECTIVES = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")
BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "s32": 4, "u32": 4, "f32": 4}
NO_TRAFFIC = ("parameter", "constant", "iota", "tuple", "get-tuple-element", "bitcast", "after-all")
NO_TRAFFIC += ("while", "conditional", "call", "optimization-barrier", "partition-id", "replica-id")
"""Instructions that move nothing themselves; for calls, the called computation is counted."""
SLICES = ("dynamic-slice", "slice", "gather")
"""Instructions that read only a part of their first operand, as large as their result."""

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
FAST_MEMORY = re.compile(r"S\([1-9]\d*\)")
"""Marks a layout in the chip's fast memory, such as VMEM."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of a compiled program."""

    result: str
    opcode: str
    arguments: str
    """The text between its parentheses."""
    attributes: str
    """The text after them."""

    @cached_property
    def operands(self) -> tuple[str, ...]:
        return tuple(OPERAND.findall(self.arguments))

    @property
    def called(self) -> list[str]:
        """The computations that a loop, call or conditional runs."""
        branches = BRANCHES.search(self.attributes)
        return CALLED.findall(self.attributes) + (OPERAND.findall(branches[1]) if branches else [])

    @property
    def fused(self) -> str | None:
        """The computation that a fusion is made of."""
        found = FUSED.search(self.attributes)
        return found[1] if found and self.opcode == "fusion" else None


Computation = dict[str, Instruction]


class Program:
    """A compiled program: its instructions by computation and name."""

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
        self, name: str, times: int = 1, *, fused: bool = False
    ) -> Iterator[tuple[Computation, Instruction, int]]:
        """Every instruction that a computation runs, with the computation it is in and how often it runs.

        With `fused` also the instructions inside fusions.
        """
        computation = self._computations.get(name, {})
        for instruction in computation.values():
            yield computation, instruction, times
            branches = BRANCHES.search(instruction.attributes)
            called = CALLED.findall(instruction.attributes) + (
                OPERAND.findall(branches[1]) if branches else []
            )
            if instruction.opcode in ("while", "call", "conditional"):
                for inner in called:
                    yield from self._run(inner, times * self._trips(instruction), fused=fused)
            elif fused and (fusion := FUSED.search(instruction.attributes)):
                yield from self._run(fusion[1], times, fused=True)

    def _trips(self, instruction: Instruction) -> int:
        """Iterations of a loop: the compiler's count, else the constant in the condition of JAX's scan."""
        if known := TRIPS.search(instruction.attributes):
            return int(known[1])
        condition = CONDITION.search(instruction.attributes)
        return self._bounds.get(condition[1], 1) if condition else 1

    def collectives(self) -> dict[str, tuple[int, int]]:
        """Kind -> how many run in one execution, and the bytes of their results on one device."""
        totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for _, instruction, times in self._run(self._entry, fused=True):
            kind = instruction.opcode.removesuffix("-start")
            if kind in COLLECTIVES:
                sizes = [_size(*array) for array in ARRAY.findall(instruction.result)]
                started = instruction.opcode != kind  # then operands are listed too: the largest counts
                totals[kind][0] += times
                totals[kind][1] += times * (max(sizes, default=0) if started else sum(sizes))
        return {kind: (totals[kind][0], totals[kind][1]) for kind in COLLECTIVES if kind in totals}

    def kernels(self) -> dict[str, int]:
        """Custom kernel (attention of cuDNN or Pallas) -> how often it runs in one execution."""
        totals: dict[str, int] = defaultdict(int)
        for _, instruction, times in self._run(self._entry):
            if found := KERNEL.search(instruction.attributes):
                totals[found[1]] += times
        return dict(totals)

    def memory_traffic(self) -> int:
        """Bytes moved to and from the device's memory in one execution: what instructions read and write.

        Arrays in the chip's fast memory do not count; of an array that is sliced, only the slice does.
        """
        return sum(
            times * self._moved(computation, instruction)
            for computation, instruction, times in self._run(self._entry)
        )

    def _moved(self, computation: Computation, instruction: Instruction) -> int:
        opcode = instruction.opcode
        if opcode in NO_TRAFFIC or opcode.endswith(("-done", "-update")):
            return 0
        if opcode.endswith("slice-start"):
            return 2 * min(_size(*array) for array in ARRAY.findall(instruction.result) if array[1])
        if opcode.endswith("-start"):  # the result lists the operands too
            return _memory_bytes(instruction.result)
        if opcode in SLICES:
            return 2 * _memory_bytes(instruction.result)
        if opcode == "dynamic-update-slice":
            return 2 * _memory_bytes(_shape(computation, instruction.operands[1]))
        if instruction.fused:
            return self._moved_by_fusion(computation, instruction)
        return _memory_bytes(instruction.result) + sum(
            _memory_bytes(_shape(computation, name)) for name in instruction.operands
        )

    def _moved_by_fusion(self, computation: Computation, fusion: Instruction) -> int:
        inner = self._computations.get(fusion.fused or "", {})
        updates = [each for each in inner.values() if each.opcode == "dynamic-update-slice"]
        moved = sum(_memory_bytes(_shape(inner, update.operands[1])) for update in updates)
        moved = moved or _memory_bytes(fusion.result)
        names = {int(each.arguments): name for name, each in inner.items() if each.opcode == "parameter"}
        for number, operand in enumerate(fusion.operands):
            whole = _memory_bytes(_shape(computation, operand))
            moved += min(whole, _bytes_read(inner, names[number], whole)) if number in names else whole
        return moved


def _bytes_read(inner: Computation, name: str, whole: int) -> int:
    """Bytes that a fusion reads of its parameter `name`: the `whole`, or only the slices that it uses."""
    total = 0
    for user in (each for each in inner.values() if name in each.operands):
        first = user.operands[0] == name
        if user.opcode in SLICES and first:
            total += _memory_bytes(user.result)
        elif user.opcode == "bitcast":
            total += _bytes_read(inner, next(key for key, value in inner.items() if value is user), whole)
        elif not (user.opcode == "dynamic-update-slice" and first):  # an update writes in place
            return whole
    return total


def _size(kind: str, dimensions: str, _layout: str = "") -> int:
    return BYTES.get(kind, 4) * math.prod(int(n) for n in dimensions.split(",") if n)


def _memory_bytes(shape: str) -> int:
    """Bytes of those arrays of a shape that are in the device's memory."""
    return sum(_size(*array) for array in ARRAY.findall(shape) if not FAST_MEMORY.search(array[2]))


def _shape(computation: Computation, name: str) -> str:
    return computation[name].result if name in computation else ""
