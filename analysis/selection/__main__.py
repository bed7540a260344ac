"""The verdict on each rule of selection: python -m quarry.analysis.selection POINTS [--output CSV]"""

from pathlib import Path

import tyro

from quarry.analysis.selection.cells import read_points
from quarry.analysis.selection.verdicts import verdicts
from quarry.console import TitledTable, make_console
from quarry.train.record.points_table import write_table


def main(
    points: tyro.conf.Positional[tuple[Path, ...]], control: str = "pieces", output: Path | None = None
) -> None:
    """Does a rule shift the constant of L(U) or its slope? Differences to the control, with 95% intervals.

    Args:
        points: Directories of runs, or tables of `quarry points`: the study's own, not those of references.
        control: The rule that the others are compared with; it needs replicates.
        output: Also write the table here.
    """
    found = verdicts(read_points(points), control)
    table = TitledTable(title=f"against {control}")
    for heading in ("corpus", "rule", "N", "alpha_D", "change", "data at equal loss", "charged", "verdict"):
        table.add_column(heading)
    for row in found.iter_rows(named=True):
        table.add_row(*cells(row))
    make_console().print(table)
    if output:
        write_table(found, output)


def cells(row: dict) -> tuple[str, ...]:
    """A row of the verdict table as it is printed."""
    return (
        row["corpus"].partition("?")[0],
        row["rule"],
        "all" if row["n"] is None else f"{row['n']:,}",
        f"{row['alpha']:.3f}",
        f"{row['alpha_change']:+.3f} ({row['alpha_change_low']:+.3f} to {row['alpha_change_high']:+.3f})",
        f"{row['multiplier']:.2f} ({row['multiplier_low']:.2f} to {row['multiplier_high']:.2f})",
        f"{row['charged']:.2f}",
        row["verdict"],
    )


if __name__ == "__main__":
    tyro.cli(main)
