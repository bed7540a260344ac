"""The ladder of `gpu` extended to 0.2, 0.7 and 1.6 billion parameters: same text, word pieces, context, batch
and U, so that the points of both make one table. It has an estimate and has not been run.

    quarry compile experiments/epochs/tpu/n1600m_u268m.py --for v5e:4x4

says whether a point fits. 3.3e19 FLOPs (exact, cooldowns counted, rematerialisation not): 115 chip-hours of
v5e at 40% of its 197 bf16 TFLOP/s, which is assumed. At $1.20 a chip-hour, on demand in a US region (Google
Cloud's price list as recalled from 2024: check it), about $140; spot costs less.

Command: quarry sweep epochs/tpu --emit sky --tpu.accelerator v5e-16 --tpu.bucket gs://BUCKET/runs
"""

import dataclasses

from quarry.experiments.epochs.gpu import CORPUS
from quarry.model.config import MeshConfig
from quarry.train.config.experiment import Experiment

__all__ = ["CORPUS", "on_slice"]
CHIPS = 16


def on_slice(config: Experiment) -> Experiment:
    """The same point sharded over the chips of a slice, its layers scanned and rematerialised."""
    model = dataclasses.replace(config.model, scan_layers=True, remat="full")
    return dataclasses.replace(config, model=model, mesh=MeshConfig(fsdp=CHIPS))
