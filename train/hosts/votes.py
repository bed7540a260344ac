"""Decisions that all hosts take at the same step, such as to stop and save."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from quarry.model.sharding import replicated
from quarry.train.hosts.agreement import process_count


class Votes:
    """Questions that any host may answer with yes; all hosts learn the answers at the same step.

    A program of its own combines the answers of all hosts. It is dispatched after a step and read after the
    next step has been dispatched, so that no device waits for it. A single host answers at once.
    """

    def __init__(self, mesh: Mesh, *questions: Callable[[], bool]):
        self._questions = questions
        self._several = process_count() > 1
        self._dispatched: jax.Array | None = None
        self._sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
        self._any = jax.jit(lambda votes_DxQ: votes_DxQ.max(0), out_shardings=replicated(mesh))

    def cast(self) -> None:
        """Dispatch this host's answers; all hosts must do so after the same steps."""
        if self._several:
            answers = np.array([[bool(question()) for question in self._questions]], np.int32)
            votes_DxQ = answers.repeat(jax.local_device_count(), 0)
            self._dispatched = self._any(jax.make_array_from_process_local_data(self._sharding, votes_DxQ))

    def result(self) -> tuple[bool, ...]:
        """For each question whether any host had answered it with yes at the last `cast`."""
        if not self._several:
            return tuple(bool(question()) for question in self._questions)
        dispatched = jnp.zeros(len(self._questions)) if self._dispatched is None else self._dispatched
        return tuple(bool(answer) for answer in np.asarray(dispatched))
