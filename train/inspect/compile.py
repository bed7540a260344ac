"""The real training step, compiled for a TPU slice or GPU that this machine does not have.

`jax.experimental.topologies` describes devices to XLA's compilers for TPUs, in libtpu, and for GPUs, in JAX's
CUDA plugin; both run on any CPU. The step is the one that `quarry train` would run there, with its shardings;
nothing is allocated.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

from quarry.model.config import Remat
from quarry.model.counting import flops_exact
from quarry.train.config.experiment import Experiment
from quarry.train.inspect.chips import chip_of, devices_of

ARRIVALS = {"all-reduce": 2}
"""How often a collective's result is received: a ring all-reduce sends parts, then sums."""


@dataclass(frozen=True)
class Report:
    """A compiled step. Bytes are per device, FLOPs of matrix products over all devices."""

    target: str
    devices: int
    mesh: str
    remat: Remat
    arguments: int
    outputs: int
    """Outputs that do not reuse the memory of an argument, as the new state does."""
    temporaries: int
    program: int
    hbm: int
    flops: int
    """FLOPs of one optimiser step, with loops multiplied out and rematerialisation counted."""
    model_flops: int
    """The same without rematerialisation and with causal attention halved: `flops_exact`."""
    collectives: dict[str, tuple[int, int]]
    """Kind -> how many run in a step, and their bytes on one device, with loops multiplied out."""
    kernels: dict[str, int]
    """Custom kernel, such as attention -> how often it runs in a step."""
    memory_traffic: int
    """Bytes moved to and from a device's memory in a step, with loops multiplied out."""
    compile_seconds: float

    @property
    def seconds(self) -> dict[str, float]:
        """The least time of a step at the chip's peak, for products, memory and network each."""
        chip = chip_of(self.target)
        received = sum(ARRIVALS.get(kind, 1) * size for kind, (_, size) in self.collectives.items())
        return {
            "products": self.flops / self.devices / chip.flops,
            "memory": self.memory_traffic / chip.memory_rate,
            "network": received / chip.network_rate,
        }

    @property
    def step_seconds(self) -> tuple[float, float]:
        """The time of a step with full overlap of these, and with none."""
        return max(self.seconds.values()), sum(self.seconds.values())

    @property
    def utilisation(self) -> tuple[float, float]:
        """Model FLOP utilisation for the longer and the shorter step time."""
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

    Raises ConfigError if there are no such devices, or if mesh or batch do not fit them. Raises MemoryError
    with the compiler's message if the step does not fit into memory.
    """
    chip, devices = chip_of(target), devices_of(target)
    from quarry.model.sharding import make_mesh
    from quarry.train.run.programs import traced_step

    mesh = make_mesh(experiment.mesh, devices)
    traced = traced_step(experiment, mesh)
    began = time.monotonic()
    compiled = _compile(traced, chip.platform)
    seconds = time.monotonic() - began
    from quarry.train.inspect.hlo import Program
    from quarry.train.inspect.jaxpr_flops import product_flops

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
    """The program, not kept: without its device it could not be read again, and JAX would warn of that."""
    import jax

    jax.config.update("jax_persistent_cache_min_compile_time_secs", math.inf)
    try:
        return traced.lower(lowering_platforms=(platform,)).compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryError(str(error).splitlines()[0].removeprefix("RESOURCE_EXHAUSTED: ")) from None
