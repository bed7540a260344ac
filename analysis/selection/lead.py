"""The lead of a rule over the control by passes: python -m quarry.analysis.selection.lead POINTS --rule RULE

A rule that only learns faster is ahead after few passes and level after many; one that learns more from the
same U stays ahead.
"""

from pathlib import Path

import polars as pl
import tyro

from quarry.analysis.selection.cells import SEEDS, read_points, rule_name
from quarry.console import TitledTable, make_console
from quarry.errors import PointsError

CELL = ["corpus", "n_nonembedding", "unique_tokens", "tokens"]


def lead(points: pl.DataFrame, rule: str, control: str = "pieces") -> pl.DataFrame:
    """A row for each corpus, N, U and E at which both rules ended: means over the seeds that both have.

    epochs; loss_control and loss, annealed, nats per token; lead, the mean of ln(loss_control / loss);
    cost, the FLOPs of the rule with those of choosing over those of the control; runs. Raises PointsError if
    the two have no end in common.
    """
    ends = points.filter(pl.col("annealed"), split="validation", status="finished")
    spent = pl.col("flops_6ne") + pl.col("flops_selection").fill_null(0.0)
    ends = ends.with_columns(rule=rule_name(pl.col("selection")), flops=spent)
    of_rule, of_control = (ends.filter(rule=name) for name in (rule, control))
    both = of_rule.join(of_control, on=[*CELL, *SEEDS], suffix="_control")
    if both.is_empty():
        raise PointsError(f"no run by {rule!r} ended where one by {control!r} did, with the same seeds")
    return (
        both.group_by(CELL)
        .agg(
            pl.col("epochs", "loss_control", "loss").mean(),
            lead=(pl.col("loss_control") / pl.col("loss")).log().mean(),
            cost=(pl.col("flops") / pl.col("flops_control")).mean(),
            runs=pl.len(),
        )
        .sort(CELL)
    )


def words(row: dict) -> tuple[str, ...]:
    """A row as it is printed."""
    return (
        f"{row['n_nonembedding']:,}",
        f"{row['unique_tokens']:,}",
        f"{row['epochs']:g}",
        f"{row['loss_control']:.3f}",
        f"{row['loss']:.3f}",
        f"{row['lead']:+.1%}",
        f"{row['cost']:.1f}",
        f"{row['runs']}",
    )


def main(points: tyro.conf.Positional[tuple[Path, ...]], rule: str, control: str = "pieces") -> None:
    """The lead of a rule over the control by passes, from tables of `quarry points`.

    Args:
        points: Directories of runs, or tables of `quarry points`, with the runs of both.
    """
    table = TitledTable(title=f"{rule} against {control}")
    for heading in ("N", "U", "passes", control, rule, "lead", "cost", "runs"):
        table.add_column(heading)
    for row in lead(read_points(points), rule, control).iter_rows(named=True):
        table.add_row(*words(row))
    make_console().print(table)


if __name__ == "__main__":
    tyro.cli(main)
