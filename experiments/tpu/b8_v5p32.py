"""8 billion parameters on a v5p slice of 32 chips.

Claim: the step fits into the 95 GiB of a v5p chip.
Expected: docs/compile.md.
Command: quarry compile experiments/tpu/b8_v5p32.py --for v5p:4x4x2
"""

from quarry.experiments.tpu import recipe
from quarry.model.config import MeshConfig

config = recipe(d_model=4096, n_layers=40, sequences=128, mesh=MeshConfig(fsdp=32))
