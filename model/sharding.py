"""All sharding: one mesh, and one table from logical axes to mesh axes.

The mesh has the axes `data` (batch only), `fsdp` (batch, and parameters along d_model) and `tensor` (heads,
hidden width and vocabulary). On one device all three are 1 and nothing changes. Axes are automatic: the table
shards parameters and batch, `constrain` shards activations by the same table, and the compiler adds the
communication.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import jax
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from quarry.errors import ConfigError

if TYPE_CHECKING:
    from quarry.model.config import MeshConfig

MESH_AXES = ("data", "fsdp", "tensor")
RULES: dict[str | None, tuple[str, ...]] = {
    "batch": ("data", "fsdp"),
    "layers": (),
    "d_model": ("fsdp",),
    "heads": ("tensor",),
    "d_ff": ("tensor",),
    "vocab": ("tensor",),
    None: (),
}
"""Logical axis of a parameter or activation -> mesh axes that shard it. `d_model` is an axis of parameters;
the width of an activation is None, as its rows are sharded along `fsdp` already."""


def make_mesh(config: "MeshConfig", devices: Sequence[Any] | None = None) -> Mesh:
    """The mesh over `devices`, default all. Raises ConfigError if they do not make one of these sizes."""
    n, others = len(devices or jax.devices()), config.fsdp * config.tensor
    data = n // others if config.data is None else config.data
    if data * others != n:
        needed = f"a multiple of {others}" if config.data is None else str(data * others)
        sizes = ", ".join(f"mesh.{name} = {size}" for name, size in vars(config).items() if size is not None)
        raise ConfigError(f"{sizes}: they need {needed} devices, not {n}")
    shape, types = (data, config.fsdp, config.tensor), (AxisType.Auto,) * 3
    try:
        return jax.make_mesh(shape, MESH_AXES, axis_types=types, devices=devices)
    except NotImplementedError:
        sizes = "each axis must be a product of sides of the slice"
        raise ConfigError(
            f"mesh {' x '.join(map(str, shape))} does not lie on these devices: {sizes}"
        ) from None


def shard_count(mesh: Mesh | AbstractMesh, name: str | None) -> int:
    """The number of shards along a logical axis."""
    return math.prod(mesh.shape[axis] for axis in RULES[name])


def partition_spec(
    mesh: Mesh | AbstractMesh, shape: tuple[int, ...], names: tuple[str | None, ...]
) -> PartitionSpec:
    """The sharding of an array with logical axes `names`; an axis that does not divide evenly stays whole."""

    def place(size: int, name: str | None) -> tuple[str, ...] | None:
        return RULES[name] or None if size % shard_count(mesh, name) == 0 else None

    return PartitionSpec(*map(place, shape, names))


def parameter_shardings(mesh: Mesh, shapes: Any, axes: Any) -> Any:
    """A NamedSharding per parameter."""
    return jax.tree.map(
        lambda leaf, names: NamedSharding(mesh, partition_spec(mesh, leaf.shape, names)), shapes, axes
    )


def use_mesh(mesh: Mesh) -> AbstractContextManager[None]:
    """A context in which `constrain` refers to `mesh`."""
    return jax.sharding.use_abstract_mesh(mesh.abstract_mesh)


def constrain(x: jax.Array, *names: str | None) -> jax.Array:
    """`x`, sharded over the context's mesh by its logical axes; unchanged without a mesh."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.size == 1:
        return x
    return jax.lax.with_sharding_constraint(x, partition_spec(mesh, x.shape, names))


def context_shards(name: str, size: int) -> int:
    """The number of shards of a logical axis of this size over the context's mesh."""
    mesh = jax.sharding.get_abstract_mesh()
    return 1 if mesh.empty or size % shard_count(mesh, name) else shard_count(mesh, name)


def is_sharded(name: str, size: int) -> bool:
    """Whether a logical axis of this size is sharded over the context's mesh."""
    return context_shards(name, size) > 1


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch: rows over `data` and `fsdp`, time whole."""
    return NamedSharding(mesh, PartitionSpec(RULES["batch"]))


def batch_shards(mesh: Mesh | AbstractMesh) -> int:
    """The number of shards of the batch's rows."""
    return shard_count(mesh, "batch")


def on_cpu(mesh: Mesh | AbstractMesh) -> bool:
    """Whether the devices of `mesh` are CPUs; for a mesh without devices, those of this process."""
    if isinstance(mesh, Mesh):
        return mesh.devices.flat[0].platform == "cpu"
    return jax.default_backend() == "cpu"


def platform() -> str:
    """The platform that is traced for, "cpu", "gpu" or "tpu": the context's mesh, else this process."""
    device = jax.sharding.get_abstract_mesh().abstract_device
    if device is None:
        return jax.default_backend()
    kind = device.device_kind.lower()
    return next((name for name in ("cpu", "tpu") if kind.startswith(name)), "gpu")


def replicated(mesh: Mesh) -> NamedSharding:
    """The same value on every device."""
    return NamedSharding(mesh, PartitionSpec())
