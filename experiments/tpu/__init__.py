"""TPU: points of 1.2 and 8 billion parameters on Cloud TPU slices, compiled without one.

Claim: with parameters and optimiser state sharded over `fsdp` (and `tensor`), scanned layers and
rematerialisation, the training step fits into the memory of each chip (ZeRO, 1910.02054; remat, 1604.06174).
Expected: docs/compile.md.
Command: quarry compile experiments/tpu/b1_v5e16.py --for v5e:4x4

Every rule that depends on size is in `recipe`.
"""

from quarry.model.config import MeshConfig, modern
from quarry.train.config.experiment import DataConfig, Duration, Experiment, OptimizerConfig, ScheduleConfig

HEAD_DIM = 128
CONTEXT = 2048


def recipe(d_model: int, n_layers: int, sequences: int, mesh: MeshConfig) -> Experiment:
    """The scale point of this width and depth, on 20 tokens per parameter (Hoffmann 2022, 2203.15556).

    bf16 compute, fp32 parameters and moments; one sequence per device and micro-batch. Name the corpus on the
    command line: --data.corpus tfds:NAME.
    """
    model = modern(
        d_model,
        n_layers,
        n_heads=d_model // HEAD_DIM,
        context=CONTEXT,
        vocab_size=32_768,
        compute_dtype="bfloat16",
        scan_layers=True,
        remat="full",
    )
    return Experiment(
        model=model,
        data=DataConfig(tokenizer="bpe:32768"),
        duration=Duration(tokens=20 * 12 * n_layers * d_model**2),
        optimizer=OptimizerConfig(learning_rate=0.6 / d_model, beta2=0.95),
        schedule=ScheduleConfig(kind="wsd", warmup=0.01),
        mesh=mesh,
        batch_tokens=sequences * CONTEXT,
        micro_batch_tokens=CONTEXT,
    )
