"""The program and the batch of each step: one program for each batch size of a ramp."""

import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.train.data.feed import Batch, feed
from quarry.train.data.order import BatchOrder, batch_positions
from quarry.train.data.selection.draws import first_pass
from quarry.train.hosts.host_rows import HostRows
from quarry.train.run.micro_batches import micro_batches
from quarry.train.run.rollback import RollBacks

if TYPE_CHECKING:
    from quarry.train.config.batch_ramp import Stage
    from quarry.train.config.experiment import Experiment
    from quarry.train.run.context import RunContext
    from quarry.train.run.run_log import RunLog


def step_inputs(run: "RunContext", first: int, log: "RunLog") -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """For each step from `first` on: its program, and what it reads, as `programs.batch_shapes` says."""
    for stage in run.experiment.ramp.stages(first, run.sizes.steps):
        with log.pause():
            program, batches = _make_program(run, stage), _rows(run, stage)
        for rows in batches:
            yield program, rows


def at_stage(experiment: "Experiment", stage: "Stage") -> "Experiment":
    """The experiment with one stage's batch throughout: what its step is compiled from."""
    tokens = stage.sequences * experiment.model.context
    return dataclasses.replace(experiment, batch_tokens=tokens, batch_ramp=())


def _make_program(run: "RunContext", stage: "Stage") -> Any:
    """The step, compiled ahead unless runs are stacked; XLA's count of its FLOPs is recorded."""
    began, experiment = time.monotonic(), at_stage(run.experiment, stage)
    program = run.program(experiment, run.mesh)
    run.directory.write_run(
        compile_seconds=time.monotonic() - began,
        flops_xla_per_token=_flops_xla_per_token(run, experiment, program.cost_analysis()),
    )
    return program


def _flops_xla_per_token(run: "RunContext", experiment: "Experiment", cost: Any) -> float | None:
    """XLA's count per token; None if layers or an LSTM's steps are scanned, as XLA counts only one of them.

    XLA counts the loop over micro-batches once, hence the factor. The optimiser's share, a few FLOPs per
    parameter and step, is then counted too often. None also by an online rule: candidates are scored in a
    second loop.
    """
    model = experiment.model
    scanned = model.scan_layers or model.architecture == "lstm" or experiment.online
    if not cost or "flops" not in cost or scanned:
        return None
    passes = micro_batches(experiment, run.mesh)
    return cost["flops"] * run.mesh.size * passes / experiment.batch_tokens


def batch_order(run: "RunContext") -> BatchOrder:
    """The order in which the run visits its sequences, without those that roll-backs left out."""
    n, first = run.sizes.n_sequences, run.experiment.data.draw * run.sizes.n_sequences
    by_score = first_pass(run.store, first, n, run.experiment.model.context)
    return BatchOrder(n, run.experiment.seed_order, RollBacks(run).skips(), first, by_score)


def _rows(run: "RunContext", stage: "Stage") -> Iterator[tuple[Any, ...]]:
    """The inputs and targets of each step of a stage; of candidates, also the losses that are subtracted."""
    drawn = stage.sequences * run.experiment.candidates
    host_rows, order = HostRows(run.mesh, drawn), batch_order(run)
    first = stage.position * run.experiment.candidates
    batches = _batches(run, stage, order, host_rows)
    for number, batch in enumerate(batches):
        rows = host_rows.global_array(batch.inputs_BxT), host_rows.global_array(batch.targets_BxT)
        if run.experiment.online:
            ids = order.sequence_ids(batch_positions(first + number * drawn, drawn))
            losses = run.reference(ids, *rows) if run.reference else np.zeros(drawn, np.float32)
            rows = (*rows, host_rows.global_array(losses[host_rows.rows]))
        yield rows


def _batches(run: "RunContext", stage: "Stage", order: BatchOrder, host_rows: HostRows) -> Iterator[Batch]:
    return feed(
        run.store,
        order,
        context=run.experiment.model.context,
        batch_sequences=stage.sequences * run.experiment.candidates,
        first=stage.position * run.experiment.candidates,
        steps=int(stage.last_step) - stage.first_step,
        rows=host_rows.rows,
    )
