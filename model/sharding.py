"""The whole sharding story: one mesh, one table from logical axes to mesh axes.

The mesh has the axes `data` (batch only), `fsdp` (batch, and parameters cut along d_model) and `tensor`
(heads, hidden width and vocabulary). On one device all three are 1 and nothing changes. Axes are automatic:
parameters and batch are laid out by the table, `constrain` lays out activations by the same table, and the
compiler adds the communication.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.model.config import MESH_AXES, MeshConfig

RULES: dict[str | None, tuple[str, ...]] = {
    "batch": ("data", "fsdp"),
    "layers": (),
    "d_model": ("fsdp",),
    "heads": ("tensor",),
    "d_ff": ("tensor",),
    "vocab": ("tensor",),
    None: (),
}
"""Logical axis of a parameter or activation -> mesh axes it is cut along. `d_model` is an axis of parameters;
the width of an activation is None, as its rows are cut along `fsdp` already."""


def make_mesh(config: MeshConfig, devices: Sequence[Any] | None = None) -> Mesh:
    """The mesh over `devices`, default all. Raises ConfigError if they do not make one of these sizes."""
    n, others = len(devices or jax.devices()), config.fsdp * config.tensor
    data = n // others if config.data is None else config.data
    require(data * others == n, f"mesh {data} x {config.fsdp} x {config.tensor} does not make {n} devices")
    shape, types = (data, config.fsdp, config.tensor), (AxisType.Auto,) * 3
    try:
        return jax.make_mesh(shape, MESH_AXES, axis_types=types, devices=devices)
    except NotImplementedError:
        sizes = "each axis must be a product of sides of the slice"
        raise ConfigError(
            f"mesh {' x '.join(map(str, shape))} does not lie on these devices: {sizes}"
        ) from None


def cuts(mesh: Mesh | AbstractMesh, name: str | None) -> int:
    """Into how many parts a logical axis is cut."""
    return math.prod(mesh.shape[axis] for axis in RULES[name])


def layout(mesh: Mesh | AbstractMesh, shape: tuple[int, ...], names: tuple[str | None, ...]) -> PartitionSpec:
    """Where an array of logical axes `names` lies; an axis that its mesh axes do not divide stays whole."""

    def place(size: int, name: str | None) -> tuple[str, ...] | None:
        return RULES[name] or None if size % cuts(mesh, name) == 0 else None

    return PartitionSpec(*map(place, shape, names))


def parameter_shardings(mesh: Mesh, shapes: Any, axes: Any) -> Any:
    """A NamedSharding per parameter."""
    return jax.tree.map(
        lambda leaf, names: NamedSharding(mesh, layout(mesh, leaf.shape, names)), shapes, axes
    )


def laid_over(mesh: Mesh) -> AbstractContextManager[None]:
    """Inside this context `constrain` means `mesh`."""
    return jax.sharding.use_abstract_mesh(mesh.abstract_mesh)


def constrain(x: jax.Array, *names: str | None) -> jax.Array:
    """`x`, laid out over the mesh of the context as its logical axes say; as it is without a mesh."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.size == 1:
        return x
    return jax.lax.with_sharding_constraint(x, layout(mesh, x.shape, names))


def cut_into(name: str, size: int) -> int:
    """Into how many parts a logical axis of this size is cut over the mesh of the context."""
    mesh = jax.sharding.get_abstract_mesh()
    return 1 if mesh.empty or size % cuts(mesh, name) else cuts(mesh, name)


def is_cut(name: str, size: int) -> bool:
    """Whether it is cut at all."""
    return cut_into(name, size) > 1


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows of the batch over `data` and `fsdp`, time whole."""
    return NamedSharding(mesh, PartitionSpec(RULES["batch"]))


def batch_shards(mesh: Mesh | AbstractMesh) -> int:
    """Into how many parts `batch_sharding` cuts the rows."""
    return cuts(mesh, "batch")


def on_cpu(mesh: Mesh | AbstractMesh) -> bool:
    """Whether the devices of `mesh`, or where it has none this process's, are CPUs."""
    if isinstance(mesh, Mesh):
        return mesh.devices.flat[0].platform == "cpu"
    return jax.default_backend() == "cpu"


def platform() -> str:
    """What the program is traced for, "cpu", "gpu" or "tpu": by the context's mesh, else by this process."""
    device = jax.sharding.get_abstract_mesh().abstract_device
    if device is None:
        return jax.default_backend()
    kind = device.device_kind.lower()
    return next((name for name in ("cpu", "tpu") if kind.startswith(name)), "gpu")


def replicated(mesh: Mesh) -> NamedSharding:
    """The same value on every device."""
    return NamedSharding(mesh, PartitionSpec())
