"""Points compiled while others train: `python -m tests.benchmarks.ahead`, 12 minutes, writes a dated table.

A sweep with one point of each shape, one worker and an empty compilation cache: on one core, and with a
second core for compiling. The table holds the seconds of the whole sweep and those its points spent compiling
or loading their step. Three repeats of each, in turn. Written to runs/benchmarks/ahead-<date>.csv.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from quarry.cores import available_cores
from quarry.train.record.run_directory import RunDirectory
from tests.benchmarks.run import SHAPES
from tests.benchmarks.start import POINT
from tests.benchmarks.tables import write_dated

STEPS = {"32x2x2": 300, "64x2x2": 300, "128x4x4": 60, "256x6x4": 30}
TIMES = 3


def time_sweep(cores: int) -> dict[str, object]:
    """Seconds of a sweep that may use `cores` cores."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / "ladder").mkdir()
        for name, steps in STEPS.items():
            text = POINT.format(**SHAPES[name]._asdict(), steps=steps)
            (folder / "ladder" / f"d{SHAPES[name].d_model}.py").write_text(text, encoding="utf-8")
        allowed = available_cores()[:cores]
        began = time.monotonic()
        subprocess.run(
            [str(Path(sys.executable).with_name("quarry")), "sweep", "ladder", "--workers", "1"],
            cwd=folder,
            env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(folder / "compiled")},
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds = time.monotonic() - began
        runs = [RunDirectory(run).read_run() for run in (folder / "runs" / "ladder").iterdir()]
        row = {"cores": cores, "seconds": seconds}
        row["of which compiling"] = sum(run["compile_seconds"] for run in runs)
    print(row, flush=True)
    return {key: round(value, 1) for key, value in row.items()}


def main() -> None:
    write_dated("ahead", [time_sweep(cores) for _ in range(TIMES) for cores in (1, 2)])


if __name__ == "__main__":
    main()
