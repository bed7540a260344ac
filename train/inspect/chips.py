"""The chips that `quarry compile` knows, with their peak rates, and their compilers, which need no chip.

Memory, bf16 FLOPs and bandwidths: cloud.google.com/tpu/docs for v5e and v6e, read on 2026-11-25; from memory,
Google's pages on v4 and v5p, and NVIDIA's data sheets of H100 SXM and H200 (dense bf16, NVLink one way).
"""

import importlib.util
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.installation import install_command


@dataclass(frozen=True)
class Chip:
    """One device. Peak rates per second: FLOPs in bf16, bytes of its memory, bytes from other devices."""

    platform: str
    memory: float
    flops: float
    memory_rate: float
    network_rate: float


GIB = 2**30
CHIPS = {
    "v4": Chip("tpu", 32 * GIB, 275e12, 1228e9, 300e9),
    "v5e": Chip("tpu", 16 * GIB, 197e12, 819e9, 200e9),
    "v5p": Chip("tpu", 95 * GIB, 459e12, 2765e9, 600e9),
    "v6e": Chip("tpu", 32 * GIB, 918e12, 1640e9, 448e9),
    "h100": Chip("cuda", 84929347584, 989e12, 3352e9, 450e9),
    "h200": Chip("cuda", 150754820096, 989e12, 4800e9, 450e9),
}
COMPILERS = {"tpu": "libtpu", "cuda": "jax_cuda13_plugin"}
"""The package with the compiler of a platform, which the extra of the same name installs."""
NO_DEVICE = {
    "JAX_PLATFORMS": "cpu",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-16",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_MIN_LOG_LEVEL": "3",
    "TPU_STDERR_LOG_LEVEL": "3",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""Makes JAX use the CPU, and keeps libtpu from looking for a TPU and logging that there is none. The slice
named does not matter."""
HOPPER = """
gpu_device_info {{
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048
  shared_memory_per_block: 49152 shared_memory_per_block_optin: 232448 shared_memory_per_core: 233472
  registers_per_block_limit: 65536 registers_per_core_limit: 65536
  core_count: 132 fpus_per_core: 128 clock_rate_ghz: 1.98 l2_cache_size: 52428800
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  cuda_compute_capability {{ major: 9 }}
  memory_bandwidth: {bandwidth} device_memory_size: {memory}
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 10 }}
runtime_version {{ major: 13 }}
device_description_str: "NVIDIA {name}"
"""
"""XLA's description of a GPU (xla/stream_executor/device_description.proto), for H100 and H200."""


def chip_of(target: str) -> Chip:
    """The chip of `v5e:4x4`, `h100` and the like. Raises ConfigError if it is not known."""
    name = target.partition(":")[0]
    known = f"there are {', '.join(CHIPS)}, as in v5e:4x4, h100 or h100:8"
    require(name in CHIPS, f"--for {target}: no such chip; {known}")
    return CHIPS[name]


def devices_of(target: str) -> Sequence[Any]:
    """The devices of a TPU slice such as `v5e:4x4`, or of GPUs in one machine, `h100:8`.

    Raises ConfigError if there are no such devices or their compiler is not installed.
    """
    platform = chip_of(target).platform
    installed = importlib.util.find_spec(COMPILERS[platform]) is not None
    install = install_command(platform)
    require(
        installed,
        f"the {platform.upper()} compiler is not installed; {install} installs it, and needs no device",
    )
    os.environ.update(NO_DEVICE)
    return _slice(target) if platform == "tpu" else _gpus(target)


def _slice(target: str) -> Sequence[Any]:
    import jax
    from jax.experimental import topologies

    try:
        return topologies.get_topology_desc(platform="tpu", topology_name=target).devices
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).splitlines()[0].removeprefix("INVALID_ARGUMENT: ")
        raise ConfigError(f"--for {target}: no such slice: {reason}") from None


def _gpus(target: str) -> Sequence[Any]:
    match = re.fullmatch(r"(\w+)(?::([1-8]))?", target)
    require(match is not None, f"--for {target}: GPUs are named like h100 or h100:8, 8 at most")
    assert match is not None
    from jax.experimental import topologies

    chip = CHIPS[match[1]]
    described = HOPPER.format(bandwidth=int(chip.memory_rate), memory=int(chip.memory), name=match[1].upper())
    where = f"1x1x{match[2] or 1}"
    named = {"platform": "cuda", "topology_name": "", "target_config": described, "topology": where}
    return topologies.get_topology_desc(**named).devices
