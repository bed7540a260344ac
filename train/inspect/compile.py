"""`quarry compile`: the real training step through the compiler of a TPU slice or GPU that is not there.

`jax.experimental.topologies` describes devices to XLA's compilers for TPUs, in libtpu, and for GPUs, in JAX's
CUDA plugin; both run on any CPU. The step is the one that `quarry train` would run there, with its shardings;
nothing is allocated.
"""

import dataclasses
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Table

from quarry.model.config import Remat
from quarry.model.counting import flops_exact
from quarry.train.config.experiment import Experiment
from quarry.train.inspect.chips import chip_of, devices_of

ARRIVALS = {"all-reduce": 2}
"""How often a collective's result reaches a device: summed in a ring, it comes as parts and as sums."""


@dataclass(frozen=True)
class Report:
    """A compiled step. Bytes are per device, FLOPs of matrix products over all devices."""

    target: str
    devices: int
    mesh: str
    remat: Remat
    arguments: int
    outputs: int
    """Without what takes the place of an argument, as the new state does."""
    temporaries: int
    program: int
    hbm: int
    flops: int
    """Of one optimiser step, loops multiplied out, what is rematerialised counted again."""
    model_flops: int
    """The same without rematerialisation and with causal attention halved: `flops_exact`."""
    collectives: dict[str, tuple[int, int]]
    """Kind -> how many run in a step, and their bytes on one device, loops multiplied out."""
    kernels: dict[str, int]
    """Kernel that is not the compiler's own, such as attention -> how often it runs in a step."""
    memory_traffic: int
    """Bytes that the compiled program moves to and from a device's memory in a step, loops multiplied out."""
    compile_seconds: float

    @property
    def seconds(self) -> dict[str, float]:
        """The least time of a step by what it asks of a device: products, memory, network."""
        chip = chip_of(self.target)
        received = sum(ARRIVALS.get(kind, 1) * size for kind, (_, size) in self.collectives.items())
        return {
            "products": self.flops / self.devices / chip.flops,
            "memory": self.memory_traffic / chip.memory_rate,
            "network": received / chip.network_rate,
        }

    @property
    def step_seconds(self) -> tuple[float, float]:
        """A step's time if all of that went on at once, and if it came one after the other."""
        return max(self.seconds.values()), sum(self.seconds.values())

    @property
    def utilisation(self) -> tuple[float, float]:
        """Model FLOPs as a share of what the devices could do in the longer and the shorter time."""
        least = self.model_flops / self.devices / chip_of(self.target).flops
        return least / self.step_seconds[1], least / self.step_seconds[0]

    @property
    def total(self) -> int:
        return self.arguments + self.outputs + self.temporaries + self.program

    @property
    def fits(self) -> bool:
        return self.total <= self.hbm


def compile_step(experiment: Experiment, target: str) -> Report:
    """Compile the training step of `experiment` for a slice or GPUs.

    Raises ConfigError if there are no such devices, or mesh or batch do not suit them; MemoryError with the
    compiler's message if it finds no way to fit the step into memory.
    """
    chip, devices = chip_of(target), devices_of(target)
    from quarry.model.sharding import make_mesh
    from quarry.train.run.step import traced_step

    mesh = make_mesh(experiment.mesh, devices)
    traced = traced_step(experiment, mesh)
    began = time.monotonic()
    compiled = _compile(traced, chip.platform)
    seconds = time.monotonic() - began
    from quarry.train.inspect.hlo import Program, product_flops

    memory, program = compiled.memory_analysis(), Program(compiled.as_text())
    return Report(
        target=target,
        devices=mesh.size,
        mesh=" x ".join(f"{name} {size}" for name, size in mesh.shape.items()),
        remat=experiment.model.remat,
        arguments=memory.argument_size_in_bytes,
        outputs=memory.output_size_in_bytes - memory.alias_size_in_bytes,
        temporaries=memory.temp_size_in_bytes,
        program=memory.generated_code_size_in_bytes,
        hbm=int(chip.memory),
        flops=product_flops(traced.jaxpr.jaxpr),
        model_flops=flops_exact(experiment.model) * experiment.batch_tokens,
        collectives=program.collectives(),
        kernels=program.kernels(),
        memory_traffic=program.memory_traffic(),
        compile_seconds=seconds,
    )


def _compile(traced: Any, platform: str) -> Any:
    import jax

    try:
        return traced.lower(lowering_platforms=(platform,)).compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryError(str(error).splitlines()[0].removeprefix("RESOURCE_EXHAUSTED: ")) from None


def compile_command(
    experiment: Experiment, target: str, output: Path | None, compare_remat: bool, console: Console
) -> bool:
    """Print what the compiled step takes, write it to `output`; returns whether it fits into memory.

    With `compare_remat` for each rematerialisation, and then for the fastest of those that fit.
    """
    try:
        report = _fastest(experiment, target, console) if compare_remat else compile_step(experiment, target)
    except MemoryError as error:
        console.print(f"does not fit on {target}: {error}", highlight=False, soft_wrap=True)
        return False
    console.print(_table(report))
    if output is not None:
        output.write_text(json.dumps(_written(report), indent=2) + "\n", encoding="utf-8")
    verdict = "fits" if report.fits else "does not fit"
    share = f"{_size(report.total)} of {_size(report.hbm)} per device"
    console.print(f"{verdict} on {target}: {share}", highlight=False)
    return report.fits


def _fastest(experiment: Experiment, target: str, console: Console) -> Report:
    """The report for the rematerialisation whose step, one thing after the other, is shortest of those that
    fit, or for the one that takes the least memory. Raises MemoryError if the compiler fits none."""
    table, found = Table("model.remat", "memory", "step", "utilisation", box=None, padding=(0, 2, 0, 0)), []
    for remat in get_args(Remat):
        candidate = dataclasses.replace(experiment, model=dataclasses.replace(experiment.model, remat=remat))
        try:
            found.append(compile_step(candidate, target))
        except MemoryError:
            table.add_row(remat, "does not fit")
        else:
            size = f"{_size(found[-1].total)}{'' if found[-1].fits else ', too much'}"
            table.add_row(remat, size, *_prediction(found[-1]))
    console.print(table)
    if not found:
        raise MemoryError("whatever is rematerialised")
    best = min(found, key=lambda one: (not one.fits, one.step_seconds[1] if one.fits else one.total))
    console.print(f"model.remat = {best.remat}", highlight=False)
    return best


def _written(report: Report) -> dict[str, Any]:
    """The report as JSON: what was counted and what follows from it."""
    derived = ("total", "fits", "seconds", "step_seconds", "utilisation")
    return asdict(report) | {name: getattr(report, name) for name in derived}


def _table(report: Report) -> Table:
    table = Table("what", "amount", box=None, padding=(0, 2, 0, 0))
    table.add_row("devices", f"{report.devices}: {report.mesh}")
    for name in ("arguments", "outputs", "temporaries", "program", "total"):
        table.add_row(f"{name}, per device", _size(getattr(report, name)))
    table.add_row("FLOPs of matrix products, per step", f"{report.flops:.3e}")
    table.add_row("of which the model's", f"{report.model_flops:.3e}")
    table.add_row("memory traffic, per step and device", _size(report.memory_traffic))
    for kind, (count, size) in report.collectives.items():
        table.add_row(f"{kind}, per step and device", f"{count:,} of {_size(size)} together")
    for kernel, count in report.kernels.items():
        table.add_row(f"{kernel}, per step and device", f"{count:,}")
    for what, seconds in report.seconds.items():
        table.add_row(f"{what}, at the chip's peak", _time(seconds))
    bound = max(report.seconds, key=lambda what: report.seconds[what])
    step, utilisation = _prediction(report)
    table.add_row("step, all at once to one after the other", f"{step}, bound by {bound}")
    table.add_row("model FLOP utilisation", utilisation)
    table.add_row("compilation", f"{report.compile_seconds:.0f} s")
    return table


def _prediction(report: Report) -> tuple[str, str]:
    """Time of a step and utilisation, each as the range in which it should lie."""
    shortest, longest = report.step_seconds
    low, high = report.utilisation
    return f"{_time(shortest)} to {_time(longest)}", f"{low:.0%} to {high:.0%}"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.2f} ms"


def _size(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.2f} MiB"
