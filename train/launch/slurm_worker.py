"""One process of a Slurm job array: it becomes `quarry train` for its point and logs to its run directory.

Run by the batch script as `python -P -m quarry.train.launch.slurm_worker <points.json>`.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Become the training process of point number SLURM_ARRAY_TASK_ID."""
    points = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    point = points[int(os.environ["SLURM_ARRAY_TASK_ID"])]
    process = int(os.environ.get("SLURM_PROCID", "0"))
    directory = Path(point["directory"])
    directory.mkdir(parents=True, exist_ok=True)
    log = (directory / (f"log.{process}.txt" if process else "log.txt")).open("ab", buffering=0)
    for stream in (1, 2):
        os.dup2(log.fileno(), stream)
    os.execv(point["command"][0], point["command"])


if __name__ == "__main__":
    main()
