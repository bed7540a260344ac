"""`quarry compile`: the real training step through the compiler of a TPU slice that need not be there.

`jax.experimental.topologies` describes a slice to XLA's TPU compiler, which comes with libtpu and runs on any
CPU. The step is the one that `quarry train` would run there, with its shardings; nothing is allocated.
"""

import importlib.util
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from model.config import ConfigError, require
from model.counting import flops_exact
from train.experiment import Experiment

HBM_GIB = {"v4": 32, "v5e": 16, "v5p": 95, "v6e": 32}
"""Memory of one chip as Google Cloud's pages on each generation give it; one device is one chip."""
INSTALL = "pip install -e '.[tpu]'"
LIBTPU = {
    "JAX_PLATFORMS": "cpu",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-16",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_MIN_LOG_LEVEL": "3",
    "TPU_STDERR_LOG_LEVEL": "3",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""So that libtpu neither asks for a TPU nor logs that there is none; which slice it names does not matter."""


@dataclass(frozen=True)
class Report:
    """A compiled step. Bytes are per device, FLOPs of matrix products over all devices."""

    target: str
    devices: int
    mesh: str
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
    compile_seconds: float

    @property
    def total(self) -> int:
        return self.arguments + self.outputs + self.temporaries + self.program

    @property
    def fits(self) -> bool:
        return self.total <= self.hbm


def slice_devices(target: str) -> Sequence[Any]:
    """The devices of a slice such as `v5e:4x4`. Raises ConfigError if there is no such slice or no libtpu."""
    chip = target.partition(":")[0]
    require(chip in HBM_GIB, f"--for {target}: no such chip; there are {', '.join(HBM_GIB)}, as in v5e:4x4")
    require(
        importlib.util.find_spec("libtpu") is not None,
        f"the TPU compiler is not installed; {INSTALL} installs it, and needs no TPU",
    )
    os.environ.update(LIBTPU)
    import jax
    from jax.experimental import topologies

    try:
        return topologies.get_topology_desc(platform="tpu", topology_name=target).devices
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).splitlines()[0].removeprefix("INVALID_ARGUMENT: ")
        raise ConfigError(f"--for {target}: no such slice: {reason}") from None


def compile_step(experiment: Experiment, target: str) -> Report:
    """Compile the training step of `experiment` for a slice.

    Raises ConfigError if there is no such slice, or mesh or batch do not suit it; MemoryError with the
    compiler's message if it finds no way to fit the step into memory.
    """
    devices = slice_devices(target)
    from model.sharding import make_mesh
    from train.step import traced_step

    mesh = make_mesh(experiment.mesh, devices)
    traced = traced_step(experiment, mesh)
    began = time.monotonic()
    compiled = _compile(traced)
    seconds = time.monotonic() - began
    from train.program import collectives, product_flops

    memory = compiled.memory_analysis()
    return Report(
        target=target,
        devices=mesh.size,
        mesh=" x ".join(f"{name} {size}" for name, size in mesh.shape.items()),
        arguments=memory.argument_size_in_bytes,
        outputs=memory.output_size_in_bytes - memory.alias_size_in_bytes,
        temporaries=memory.temp_size_in_bytes,
        program=memory.generated_code_size_in_bytes,
        hbm=HBM_GIB[target.partition(":")[0]] * 2**30,
        flops=product_flops(traced.jaxpr.jaxpr),
        model_flops=flops_exact(experiment.model) * experiment.batch_tokens,
        collectives=collectives(compiled.as_text()),
        compile_seconds=seconds,
    )


def _compile(traced: Any) -> Any:
    import jax

    try:
        return traced.lower(lowering_platforms=("tpu",)).compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryError(str(error).splitlines()[0].removeprefix("RESOURCE_EXHAUSTED: ")) from None


def compile_command(experiment: Experiment, target: str, output: Path | None, console: Console) -> bool:
    """Print what the compiled step takes, write it to `output`; returns whether it fits into memory."""
    try:
        report = compile_step(experiment, target)
    except MemoryError as error:
        console.print(f"does not fit on {target}: {error}", highlight=False, soft_wrap=True)
        return False
    console.print(_table(report))
    if output is not None:
        written = asdict(report) | {"total": report.total, "fits": report.fits}
        output.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    verdict = "fits" if report.fits else "does not fit"
    share = f"{_size(report.total)} of {_size(report.hbm)} per device"
    console.print(f"{verdict} on {target}: {share}", highlight=False)
    return report.fits


def _table(report: Report) -> Table:
    table = Table("what", "amount", box=None, padding=(0, 2, 0, 0))
    table.add_row("devices", f"{report.devices}: {report.mesh}")
    for name in ("arguments", "outputs", "temporaries", "program", "total"):
        table.add_row(f"{name}, per device", _size(getattr(report, name)))
    table.add_row("FLOPs of matrix products, per step", f"{report.flops:.3e}")
    table.add_row("of which the model's", f"{report.model_flops:.3e}")
    for kind, (count, size) in report.collectives.items():
        table.add_row(f"{kind}, per step and device", f"{count:,} of {_size(size)} together")
    table.add_row("compilation", f"{report.compile_seconds:.0f} s")
    return table


def _size(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.2f} MiB"
