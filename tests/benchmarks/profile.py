"""Profile of a training step: `python -m tests.benchmarks.profile 256 6 4 8`, a shape and rows of 256 tokens.

Prints as CSV the milliseconds of one step by kind of instruction, shape of its result, pass and source
operation, largest first, from XLA's own trace on one pinned core.
"""

import glob
import gzip
import json
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import polars as pl

from tests.benchmarks.contenders import CONTEXT, VOCABULARY

STEPS, ROWS_SHOWN = 4, 25
INSTRUCTION = re.compile(r"\s*(?:ROOT )?%?([\w.\-]+) = (.*?) [a-z][\w\-]*\(")
CALLERS = ("while", "call", "conditional")


def traced(width: int, layers: int, heads: int, rows: int) -> tuple[list[dict], str]:
    """Events of a few steps, and the compiled program."""
    from quarry.cache import cache_directory
    from quarry.train.hosts.platform import prepare

    prepare(cache_directory())
    import jax

    from quarry.model.config import modern
    from quarry.model.sharding import make_mesh
    from quarry.train.config.experiment import Experiment
    from quarry.train.run.step import compiled_step, make_state, step_scalars

    model = modern(width, layers, heads, context=CONTEXT)
    experiment = Experiment(model=model, batch_tokens=rows * CONTEXT)
    mesh = make_mesh(experiment.mesh)
    step, state = compiled_step(experiment, mesh), make_state(experiment, mesh)
    tokens = jax.random.randint(jax.random.key(0), (rows, CONTEXT), 0, VOCABULARY)
    state, _ = step(state, tokens, tokens, step_scalars(experiment, 1e-3))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True):
            for _ in range(STEPS):
                state, metrics = step(state, tokens, tokens, step_scalars(experiment, 1e-3))
                metrics.loss.block_until_ready()
        (path,) = glob.glob(f"{folder}/**/perfetto_trace.json.gz", recursive=True)
        found = json.loads(gzip.decompress(Path(path).read_bytes()))
    return found["traceEvents"] if isinstance(found, dict) else found, step.as_text()


def by_kind(events: list[dict], program: str) -> pl.DataFrame:
    """Milliseconds per step by kind, shape, pass and operation."""
    lines = {
        found[1]: (found[2], line) for line in program.splitlines() if (found := INSTRUCTION.match(line))
    }
    totals: Counter[tuple[str, str, str, str]] = Counter()
    for event in events:
        name = event.get("name", "")
        if event.get("ph") != "X" or name not in lines or name.split(".")[0] in CALLERS:
            continue
        shape, line = lines[name]
        operation = (re.findall(r'op_name="([^"]*)"', line) or [""])[0]
        which = "backward" if "transpose(" in operation else "forward"
        shape = re.sub(r"\{[^}]*\}", "", shape)
        totals[name.split(".")[0], shape, which, operation.rpartition("/")[2]] += event["dur"]
    rows = [(*key, round(total / 1e3 / STEPS, 2)) for key, total in totals.most_common()]
    table = pl.DataFrame(rows, ["kind", "result", "pass", "operation", "milliseconds"], orient="row")
    return table.with_columns(share=(pl.col("milliseconds") / pl.col("milliseconds").sum()).round(3))


if __name__ == "__main__":
    width, layers, heads, rows = map(int, sys.argv[1:])
    print(by_kind(*traced(width, layers, heads, rows)).head(ROWS_SHOWN).write_csv(), end="")
