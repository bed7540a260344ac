"""1.2 billion parameters on a v5e slice of 16 chips.

Claim: the step fits into the 16 GiB of a v5e chip.
Expected: docs/compile.md.
Command: quarry compile experiments/tpu/b1_v5e16.py --for v5e:4x4
"""

from quarry.experiments.tpu import recipe
from quarry.model.config import MeshConfig

config = recipe(d_model=2048, n_layers=24, sequences=64, mesh=MeshConfig(fsdp=16))
