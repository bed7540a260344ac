"""What each host holds of a global batch, and what all hosts decide together from step to step."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from quarry.model.sharding import batch_sharding, replicated
from quarry.train.hosts import processes as hosts


class Share:
    """This host's rows of a batch of `batch_sequences` sequences on the mesh; all of them on a single host.

    Hosts whose devices hold the same rows, as along the tensor axis, both read them.
    """

    def __init__(self, mesh: Mesh, batch_sequences: int):
        self._sharding = batch_sharding(mesh)
        self._size = batch_sequences
        self._single = hosts.count() == 1
        self.rows: slice | np.ndarray = slice(None) if self._single else self._held()

    def _held(self) -> np.ndarray:
        held = self._sharding.addressable_devices_indices_map((self._size,)).values()
        return np.unique(np.concatenate([np.arange(self._size)[index] for index in held]))

    def whole(self, rows_RxT: np.ndarray) -> Any:
        """The global array [batch_sequences, T] of which this host gives its rows [R, T]."""
        if self._single:
            return rows_RxT
        shape = (self._size, *rows_RxT.shape[1:])
        return jax.make_array_from_process_local_data(self._sharding, rows_RxT, shape)


class Votes:
    """Questions that any host may answer with yes, and that all take for answered at the same step.

    The answers go over the hosts in a program of their own, sent off after a step and read after the next has
    been sent off, so that no device waits for them. A single host asks itself, at once.
    """

    def __init__(self, mesh: Mesh, *questions: Callable[[], bool]):
        self._questions = questions
        self._several = hosts.count() > 1
        self._sent: jax.Array | None = None
        self._sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
        self._any = jax.jit(lambda votes_DxQ: votes_DxQ.max(0), out_shardings=replicated(mesh))

    def cast(self) -> None:
        """Send off this host's answers; all hosts do so after the same steps."""
        if self._several:
            answers = np.array([[bool(question()) for question in self._questions]], np.int32)
            votes_DxQ = answers.repeat(jax.local_device_count(), 0)
            self._sent = self._any(jax.make_array_from_process_local_data(self._sharding, votes_DxQ))

    def result(self) -> tuple[bool, ...]:
        """For each question whether any host had answered it with yes at the last cast."""
        if not self._several:
            return tuple(bool(question()) for question in self._questions)
        sent = jnp.zeros(len(self._questions)) if self._sent is None else self._sent
        return tuple(bool(answer) for answer in np.asarray(sent))
