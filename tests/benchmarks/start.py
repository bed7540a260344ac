"""Time to the first step: `python -m tests.benchmarks.start`, two minutes, writes a dated table.

`quarry train` of a point of each shape, first with an empty compilation cache, then with the program that the
first run left: seconds until the record has its first row, and the part of them that the record attributes to
compilation. Written to runs/benchmarks/start-<date>.csv.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from quarry.train.record.files import read_last_row
from quarry.train.record.run_directory import RunDirectory
from tests.benchmarks.run import SHAPES, USUAL
from tests.benchmarks.tables import write_dated

POINT = """from quarry.model.config import modern
from quarry.train.config.experiment import Duration, EvaluationConfig, Experiment

config = Experiment(
    model=modern({d_model}, {layers}, {heads}, context={context}),
    duration=Duration(steps={steps}),
    evaluation=EvaluationConfig(validation_tokens=256, test_tokens=256, count=1),
    batch_tokens={rows} * {context},
    log_every=1,
)
"""


def first_row(folder: Path, workdir: str) -> tuple[float, float]:
    """Seconds until the run has logged its first step, and the seconds of its compilation."""
    record = RunDirectory(folder / workdir / "start" / "point")
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"), "COLUMNS": "200"}
    quarry = str(Path(sys.executable).with_name("quarry"))
    command = [quarry, "train", str(folder / "start" / "point.py"), "--workdir", str(folder / workdir)]
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while read_last_row(record.metrics) is None:
        if process.poll():
            raise RuntimeError(process.communicate()[0])
        time.sleep(0.01)
    seconds = time.monotonic() - began
    process.communicate()
    return seconds, record.read_run()["compile_seconds"]


def row(name: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        (folder / "start").mkdir()
        text = POINT.format(**SHAPES[name]._asdict(), steps=1)
        (folder / "start" / "point.py").write_text(text, encoding="utf-8")
        (cold, compiling), (warm, loading) = (first_row(folder, workdir) for workdir in ("cold", "warm"))
    found = {"shape": name, "cold": cold, "of which compilation": compiling}
    found |= {"warm": warm, "of which loading": loading}
    print(found, flush=True)
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()}


def main() -> None:
    write_dated("start", map(row, USUAL))


if __name__ == "__main__":
    main()
