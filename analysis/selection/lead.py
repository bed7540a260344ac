"""The lead of a rule over the control by passes: python -m quarry.analysis.selection.lead POINTS --rule RULE

A rule that only learns faster is ahead after few passes and level after many; one that learns more from the
same U stays ahead.
"""

from pathlib import Path

import polars as pl
import tyro

from quarry.analysis.selection.cells import SEEDS, check_no_repeats, read_points, rule_name, t_factor
from quarry.console import TitledTable, make_console
from quarry.errors import PointsError

CELL = ["corpus", "n_nonembedding", "unique_tokens", "tokens"]


def lead(points: pl.DataFrame, rule: str, control: str = "pieces") -> pl.DataFrame:
    """A row for each corpus, N, U and E at which both rules ended: means over the seeds that both have.

    epochs; loss_control and loss, annealed, nats per token; lead, the mean of ln(loss_control / loss);
    lead_half, half its 95% interval by the spread between seeds, pooled over N, null where no N has two;
    cost, the FLOPs of the rule with those of choosing over those of the control; runs. Raises PointsError if
    the two have no end in common.
    """
    ends = points.filter(pl.col("annealed"), split="validation", status="finished")
    spent = pl.col("flops_6ne") + pl.col("flops_selection").fill_null(0.0)
    ends = ends.with_columns(rule=rule_name(pl.col("selection")), flops=spent)
    ends = ends.filter(pl.col("rule").is_in([rule, control]))
    check_no_repeats(ends, [*CELL, "rule", *SEEDS])
    of_rule, of_control = (ends.filter(rule=name) for name in (rule, control))
    both = of_rule.join(of_control, on=[*CELL, *SEEDS], suffix="_control", nulls_equal=True)
    if both.is_empty():
        raise PointsError(f"no run by {rule!r} ended where one by {control!r} did, with the same seeds")
    both = both.with_columns(lead=(pl.col("loss_control") / pl.col("loss")).log())
    means = both.group_by(CELL).agg(
        pl.col("epochs", "loss_control", "loss", "lead").mean(),
        variance=pl.col("lead").var(),
        cost=(pl.col("flops") / pl.col("flops_control")).mean(),
        runs=pl.len(),
    )
    return means.with_columns(lead_half=_half()).drop("variance").sort(CELL)


def _half() -> pl.Expr:
    """Half the 95% interval of a lead: Student's t by the variance pooled over the N of one U and E."""
    of_each, same = pl.col("runs") - 1, ["corpus", "unique_tokens", "tokens"]
    freedom = of_each.sum().over(same)
    pooled = (pl.col("variance").fill_null(0.0) * of_each).sum().over(same) / freedom
    factor = freedom.map_elements(t_factor, return_dtype=pl.Float64)
    return pl.when(freedom > 0).then(factor * (pooled / pl.col("runs")).sqrt())


def words(row: dict) -> tuple[str, ...]:
    """A row as it is printed."""
    return (
        f"{row['n_nonembedding']:,}",
        f"{row['unique_tokens']:,}",
        f"{row['epochs']:g}",
        f"{row['loss_control']:.3f}",
        f"{row['loss']:.3f}",
        f"{row['lead']:+.1%}" + ("" if row["lead_half"] is None else f" ± {row['lead_half']:.1%}"),
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
