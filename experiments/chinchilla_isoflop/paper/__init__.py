"""The paper's own scale: 49 million to 15.5 billion parameters, ten budgets from 6e18 to 3e21 FLOPs, on C4.

What it costs is in docs/results.md. `quarry compile FILE --for v5p:4x4x4` says what fits.

Command: quarry sweep chinchilla_isoflop/paper
"""

import dataclasses

from quarry.model.config import MeshConfig
from quarry.train.config.experiment import Experiment


def sharded(config: Experiment) -> Experiment:
    """The same experiment with layers scanned and recomputed, and its state over 64 devices."""
    model = dataclasses.replace(config.model, scan_layers=True, remat="full")
    return dataclasses.replace(config, model=model, mesh=MeshConfig(fsdp=64))
