"""8 billion parameters on the largest v5p slice, 6,144 chips, sharded over fsdp and tensor.

Claim: the same model on thousands of chips is a change of mesh.
Expected: docs/compile.md.
Command: quarry compile experiments/tpu/b8_v5p6144.py --for v5p:16x16x24
"""

from quarry.experiments.tpu import recipe
from quarry.model.config import MeshConfig

config = recipe(d_model=4096, n_layers=40, sequences=1536, mesh=MeshConfig(data=24, fsdp=16, tensor=16))
