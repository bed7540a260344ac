"""The whole sharding story: one mesh, one table from logical axes to mesh axes.

The mesh has the axes `data` (batch only), `fsdp` (batch, and parameters cut along d_model) and `tensor`
(heads, hidden width and vocabulary). On one device all three are 1 and nothing changes.
"""

from typing import Any

import jax
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from model.config import MESH_AXES, MeshConfig, require

RULES: dict[str | None, str | None] = {
    "d_model": "fsdp",
    "heads": "tensor",
    "d_ff": "tensor",
    "vocab": "tensor",
    None: None,
}
"""Logical axis of a parameter -> mesh axis it is cut along."""


def make_mesh(config: MeshConfig) -> Mesh:
    """The mesh over all devices. Raises ConfigError if they do not divide as asked."""
    n, others = jax.device_count(), config.fsdp * config.tensor
    data = n // others if config.data is None else config.data
    require(data * others == n, f"mesh {data} x {config.fsdp} x {config.tensor} does not make {n} devices")
    return jax.make_mesh((data, config.fsdp, config.tensor), MESH_AXES, axis_types=(AxisType.Auto,) * 3)


def parameter_shardings(mesh: Mesh, shapes: Any, axes: Any) -> Any:
    """A NamedSharding per parameter; an axis that does not divide by its mesh axis stays whole."""

    def shard(shape: Any, names: tuple[str | None, ...]) -> NamedSharding:
        cut = [RULES[name] for name in names]
        fits = [
            axis if axis and size % mesh.shape[axis] == 0 else None
            for axis, size in zip(cut, shape.shape, strict=True)
        ]
        return NamedSharding(mesh, PartitionSpec(*fits))

    return jax.tree.map(shard, shapes, axes)


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows of the batch over `data` and `fsdp`, time whole."""
    return NamedSharding(mesh, PartitionSpec(("data", "fsdp")))


def batch_shards(mesh: Mesh | AbstractMesh) -> int:
    """Into how many parts `batch_sharding` cuts the rows."""
    return mesh.shape["data"] * mesh.shape["fsdp"]


def replicated(mesh: Mesh) -> NamedSharding:
    """The same value on every device."""
    return NamedSharding(mesh, PartitionSpec())
