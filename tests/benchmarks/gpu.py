"""One GPU: `python -m tests.benchmarks.gpu`, under eight minutes on an H100 or H200, writes a dated table.

Whole training runs (data, step, logging) at three sizes, bf16, context 2,048: tokens per second, model FLOPs
per second (matrices, causal attention and head) as a share of the rate of 8,192 x 8,192 products in bf16, and
peak memory; then points of a million parameters, one alone and several in one program. Each runs in its own
process, so that all memory is free. Written to runs/benchmarks/gpu-<date>.csv.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from quarry.cache import cache_directory
from quarry.model.config import ModelConfig, modern
from quarry.model.counting import flops_exact
from quarry.train.config.experiment import DataConfig, Experiment, OptimizerConfig
from quarry.train.hosts.platform import prepare
from tests.benchmarks.contenders import product, training_rate
from tests.benchmarks.stacked import rate
from tests.benchmarks.tables import write_dated

CONTEXT, VOCABULARY = 2048, 32_768
SIZES = {"124M": (768, 12, 12, 32), "350M": (1024, 24, 16, 16), "1.3B": (2048, 24, 16, 8)}
"""d_model, layers, heads, rows of a micro-batch; a step is two micro-batches."""
MEMBERS = (1, 8, 32)
SECONDS, MATRIX = 15.0, 8192


def model(name: str) -> ModelConfig:
    width, layers, heads, _ = SIZES[name]
    shape = {"context": CONTEXT, "vocab_size": VOCABULARY, "compute_dtype": "bfloat16"}
    return modern(width, layers, heads, **shape)


def experiment(name: str) -> Experiment:
    width, _, _, rows = SIZES[name]
    return Experiment(
        model=model(name),
        data=DataConfig(tokenizer=f"bpe:{VOCABULARY}"),
        optimizer=OptimizerConfig(learning_rate=0.6 / width, beta2=0.95),
        batch_tokens=2 * rows * CONTEXT,
        micro_batch_tokens=rows * CONTEXT,
    )


def one(what: str) -> float:
    """The measurement that one process makes."""
    prepare(cache_directory())
    if what == "product":
        return product(SECONDS, MATRIX, "bfloat16")
    if what in SIZES:
        return training_rate(experiment(what), SECONDS)
    small = Experiment(model=modern(128, 5, 4, context=256, compute_dtype="bfloat16"), batch_tokens=8 * 256)
    return rate(small, int(what), SECONDS)


def measure(what: str) -> dict[str, float]:
    """`one` in its own process: its number, and the peak GiB of the device."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.gpu", what],
        env=os.environ | {"PYTHONPATH": "."},
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise RuntimeError(f"{what}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rows() -> Iterator[dict[str, object]]:
    ceiling = measure("product")["number"]
    yield {"what": f"product of {MATRIX} x {MATRIX}", "flops_per_second": ceiling}
    for name in SIZES:
        found = measure(name)
        flops = found["number"] * flops_exact(model(name))
        row = {"what": name, "tokens_per_second": found["number"], "gib": found["gib"]}
        yield row | {"flops_per_second": flops, "share_of_product": round(flops / ceiling, 3)}
    for members in MEMBERS:
        found = measure(str(members))
        what = f"{members} of 1M parameters, one program"
        yield {"what": what, "tokens_per_second": found["number"], "gib": found["gib"]}


def main() -> None:
    if len(sys.argv) > 1:
        number = one(sys.argv[1])
        import jax

        taken = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)
        print(json.dumps({"number": number, "gib": round(taken / 2**30, 2)}))
        return
    write_dated("gpu", rows())


if __name__ == "__main__":
    main()
