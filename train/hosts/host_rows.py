"""The rows of a global batch that each host holds."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from quarry.model.sharding import batch_sharding
from quarry.train.hosts.agreement import process_count


class HostRows:
    """This host's rows of a batch of `batch_sequences` sequences on the mesh; all of them on a single host.

    Hosts whose devices hold the same rows, as along the tensor axis, both read them.
    """

    def __init__(self, mesh: Mesh, batch_sequences: int):
        self._sharding = batch_sharding(mesh)
        self._size = batch_sequences
        self._single = process_count() == 1
        self.rows: slice | np.ndarray = slice(None) if self._single else self._local_rows()

    def _local_rows(self) -> np.ndarray:
        slices = self._sharding.addressable_devices_indices_map((self._size,)).values()
        return np.unique(np.concatenate([np.arange(self._size)[index] for index in slices]))

    def global_array(self, rows_RxT: np.ndarray) -> Any:
        """The global array [batch_sequences, T], of which this host gives its rows [R, T]."""
        if self._single:
            return rows_RxT
        shape = (self._size, *rows_RxT.shape[1:])
        return jax.make_array_from_process_local_data(self._sharding, rows_RxT, shape)
