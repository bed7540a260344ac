"""Whether the logs of a run hold what they must: one row for each logged step and each evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarry.train.config.schedules import evaluation_steps
from quarry.train.record.files import Schema, read_log
from quarry.train.record.logs import Mark, mark_of

if TYPE_CHECKING:
    from quarry.train.run.context import RunContext

METRICS: Schema = {"step": int, "loss": float | None, "wall_seconds": float}
EVALS: Schema = {"step": int, "split": str, "loss": float | None}
"""The fields of a row that a resumed run reads."""

Row = tuple[int, str]
"""The step of a row and the split that was scored, "train" in metrics.jsonl."""


def logs_fault(run: "RunContext", step: int, facts: Mapping[str, Any]) -> str | None:
    """Why the logs are not those of this run after `step`, with these facts in its seal; None if they are.

    Rows of later steps do not matter: they are written again.
    """
    metrics, evals, marks = run.directory.metrics, run.directory.evals, facts.get("logs", {})
    record = facts.get("record") or run.directory.known_run()
    begun = record.get("forked_at", 0)
    return (
        _rows_fault(metrics, METRICS, _logged(run, begun, step), step)
        or _rows_fault(evals, EVALS, _evaluated(run, begun, step), step)
        or _mark_fault(metrics, marks.get(metrics.name))
        or _mark_fault(evals, marks.get(evals.name))
    )


def _logged(run: "RunContext", begun: int, step: int) -> list[Row]:
    every, last = run.experiment.log_every, run.sizes.steps
    return [(at, "train") for at in range(begun + 1, step + 1) if at % every == 0 or at == last]


def _evaluated(run: "RunContext", begun: int, step: int) -> list[Row]:
    last = run.sizes.steps
    measured = evaluation_steps(last, run.experiment.evaluation.count)
    test: list[Row] = [(last, "test")] if step == last else []
    return [(at, "validation") for at in measured if begun < at <= step] + test


def _rows_fault(path: Path, schema: Schema, expected: list[Row], step: int) -> str | None:
    log = read_log(path, schema)
    found = [(row["step"], row.get("split", "train")) for row in log.rows]
    found = found[: len(expected)] + [row for row in found[len(expected) :] if row[0] <= step]
    if found == expected:
        return None
    if found == expected[: len(found)]:
        return log.fault or f"{path} ends before the row of step {expected[len(found)][0]}"
    wrong = next(at for at, row in enumerate(found) if [row] != expected[at : at + 1])
    instead = f", not of step {expected[wrong][0]}" if wrong < len(expected) else " again"
    return f"{path} is damaged: its row {wrong + 1} is of step {found[wrong][0]}{instead}"


def _mark_fault(path: Path, mark: Sequence[int] | None) -> str | None:
    unchanged = mark is None or mark_of(path, mark[0]) == Mark(*mark)
    return None if unchanged else f"{path} is not what it was when that was saved"
