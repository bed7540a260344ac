"""Predicted speed on TPUs: `python -m tests.benchmarks.roofline`, about 20 minutes, without a TPU.

Points of three sizes on slices of 16 chips of three generations, each in its own process, by
`quarry compile --compare-remat`. A row holds the chosen rematerialisation, the range of the step time, model
FLOP utilisation and its bound. Written to experiments/results/compile/roofline.csv.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

SIZES = {"124M": (768, 12), "1.2B": (2048, 24), "8B": (4096, 40)}
"""d_model, layers, as of experiments/tpu."""
SLICES = ("v5e:4x4", "v5p:2x2x4", "v6e:4x4")
POINT = "experiments/tpu/b1_v5e16.py"
OUTPUT = Path("experiments/results/compile/roofline.csv")


def report(size: str, target: str) -> dict[str, Any] | None:
    """The report of `quarry compile` for a point on a slice; None if no rematerialisation makes it fit."""
    d_model, layers = SIZES[size]
    shape = ("--model.d-model", d_model, "--model.n-heads", d_model // 128, "--model.n-layers", layers)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "report.json"
        words = ("compile", POINT, "--for", target, *shape, "--compare-remat", "--json", written)
        done = subprocess.run(
            [Path(sys.executable).with_name("quarry"), *map(str, words)],
            env=os.environ | {"PYTHONPATH": ".cache/libtpu"},
            text=True,
            capture_output=True,
        )
        print(done.stdout, done.stderr[-300:] if done.returncode == 2 else "", flush=True)
        return json.loads(written.read_text()) if written.exists() else None


def row(size: str, target: str) -> dict[str, object]:
    found = report(size, target)
    if found is None:
        return {"point": size, "slice": target, "fits": False}
    seconds = found["seconds"]
    return {
        "point": size,
        "slice": target,
        "fits": found["fits"],
        "remat": found["remat"],
        "gib_per_device": round(found["total"] / 2**30, 2),
        **{f"{name}_seconds": round(value, 4) for name, value in seconds.items()},
        "step_seconds_least": round(found["step_seconds"][0], 4),
        "step_seconds_most": round(found["step_seconds"][1], 4),
        "utilisation_least": round(found["utilisation"][0], 3),
        "utilisation_most": round(found["utilisation"][1], 3),
        "bound": max(seconds, key=seconds.get),
    }


def main() -> None:
    table = pl.DataFrame([row(size, target) for size in SIZES for target in SLICES], infer_schema_length=None)
    table.write_csv(OUTPUT)
    print(table, f"-> {OUTPUT}", sep="\n")


if __name__ == "__main__":
    main()
