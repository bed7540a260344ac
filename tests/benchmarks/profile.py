"""Profile of a training step: `python -m tests.benchmarks.profile 256 6 4 8`, a shape and rows of a context.

Prints as CSV the milliseconds of one step by kind of instruction, shape of its result, pass and source
operation, largest first, from XLA's own trace, on one pinned core or on the GPU (where a product or an
attention of a library may go by the name of its kernel).
"""

import argparse
import glob
import re
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from quarry.cache import cache_directory
from quarry.model.config import modern
from quarry.train.config.experiment import Experiment
from quarry.train.hosts.platform import prepare
from tests.benchmarks.contenders import CONTEXT, VOCABULARY

STEPS, ROWS_SHOWN = 4, 25
INSTRUCTION = re.compile(r"\s*(?:ROOT )?%?([\w.\-]+) = (.*?) [a-z][\w\-]*\(")
CALLERS = ("while", "call", "conditional", "command_buffer")
NOT_A_NAME = re.compile(r"[^A-Za-z0-9]")

Event = tuple[str, float]
"""The name of an instruction or of a kernel, and the milliseconds it took."""


def profile(experiment: Experiment, steps: int = STEPS) -> pl.DataFrame:
    """Milliseconds of a training step by instruction, over a few steps of `experiment` on random tokens."""
    import jax

    from quarry.model.sharding import make_mesh
    from quarry.train.run.programs import compiled_step
    from quarry.train.run.step import make_state, step_scalars

    mesh, model = make_mesh(experiment.mesh), experiment.model
    step, state = compiled_step(experiment, mesh), make_state(experiment, mesh)
    shape = (experiment.batch_tokens // model.context, model.context)
    tokens = jax.random.randint(jax.random.key(0), shape, 0, model.vocab_size)
    state, _ = step(state, tokens, tokens, step_scalars(experiment, 1e-3))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(steps):
                state, metrics = step(state, tokens, tokens, step_scalars(experiment, 1e-3))
                metrics.loss.block_until_ready()
        (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        found = list(events(jax.profiler.ProfileData.from_file(path)))
    return by_kind(found, step.as_text(), steps)


def events(trace: Any) -> Iterator[Event]:
    """What ran on the GPUs of a trace; if it has none, the instructions that ran on the CPU."""
    gpus = [plane for plane in trace.planes if plane.name.startswith("/device:GPU")]
    for plane in gpus or trace.planes:
        for line in plane.lines:
            if not gpus or line.name.startswith("Stream"):
                for event in line.events:
                    if name := _instruction(event) or (event.name if gpus else None):
                        yield name, event.duration_ns / 1e6


def _instruction(event: Any) -> str | None:
    with warnings.catch_warnings():  # DeprecationWarning: builtin type event_stats has no __module__
        warnings.simplefilter("ignore")
        return next((str(value) for key, value in event.stats if key == "hlo_op"), None)


def by_kind(found: Iterable[Event], program: str, steps: int) -> pl.DataFrame:
    """Milliseconds per step by kind, shape, pass and operation."""
    lines = {
        _plain(match[1]): (match[2], line)
        for line in program.splitlines()
        if (match := INSTRUCTION.match(line))
    }
    totals: defaultdict[tuple[str, str, str, str], float] = defaultdict(float)
    for name, milliseconds in found:
        if name.split(".")[0] not in CALLERS:
            what = _described(*lines[_plain(name)]) if _plain(name) in lines else ("", "", "")
            totals[name.split(".")[0][:100], *what] += milliseconds
    rows = [
        (*key, round(total / steps, 3)) for key, total in sorted(totals.items(), key=lambda item: -item[1])
    ]
    table = pl.DataFrame(rows, ["kind", "result", "pass", "operation", "milliseconds"], orient="row")
    return table.with_columns(share=(pl.col("milliseconds") / pl.col("milliseconds").sum()).round(3))


def _plain(name: str) -> str:
    """An instruction's name as its kernel has it."""
    return NOT_A_NAME.sub("_", name)


def _described(shape: str, line: str) -> tuple[str, str, str]:
    """The shape of an instruction's result, its pass and its source operation."""
    operation = (re.findall(r'op_name="([^"]*)"', line) or [""])[0]
    which = "backward" if "transpose(" in operation else "forward"
    return re.sub(r"\{[^}]*\}", "", shape), which, operation.rpartition("/")[2]


def main() -> None:
    """Profile the shape named on the command line."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.profile")
    for name in ("width", "layers", "heads", "rows"):
        parser.add_argument(name, type=int)
    parser.add_argument("--context", type=int, default=CONTEXT)
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    options = parser.parse_args()
    prepare(cache_directory())
    model = modern(
        *(options.width, options.layers, options.heads),
        context=options.context,
        vocab_size=options.vocabulary,
        compute_dtype=options.dtype,
    )
    experiment = Experiment(model=model, batch_tokens=options.rows * options.context)
    print(profile(experiment).head(ROWS_SHOWN).write_csv(), end="")


if __name__ == "__main__":
    main()
