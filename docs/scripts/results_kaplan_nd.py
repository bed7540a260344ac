"""Kaplan 2020 once more, by its own protocol on speeches: L(N), L(D) and L(N, D) (docs/results.md)."""

from results_kaplan import KAPLAN, exponent
from results_reasons import WHY
from results_rows import RESULTS, Row, Table, command_of, fitted

from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import TRENDS

GRID = Table(RESULTS / "kaplan_nd/points.parquet")
MOST = GRID.but(exclude=("U<4e6",))
"""Every size on the most data."""


def rows() -> list[Row]:
    """alpha_N on the most data, alpha_D of the largest size, both together, and what follows for data."""
    both, ratio = PUBLISHED["kaplan-nd"].params, TRENDS["kaplan-no-overfitting"].exponent
    of_all = "speeches, Kaplan's protocol"
    return [
        _row("eq. 1.1", f"L ~ N^-alpha_N, {of_all}", MOST, "kaplan-n", "alpha_N"),
        _row("eq. 1.2", f"L ~ D^-alpha_D, {of_all}", GRID, "kaplan-d", "alpha_D"),
        _row("Table 2", f"L(N, D): alpha_N, {of_all}", GRID, "kaplan-nd", "alpha_N", both["alpha_N"]),
        _row("Table 2", f"L(N, D): alpha_D, {of_all}", GRID, "kaplan-nd", "alpha_D", both["alpha_D"]),
        _row("eq. 4.4", f"data grows as N^0.74, {of_all}", GRID, "kaplan-nd", "data_exponent", ratio, 1.0),
    ]


def _row(
    where: str,
    claim: str,
    table: Table,
    law: str,
    name: str,
    published: float | None = None,
    rival: float = 0.0,
) -> Row:
    theirs = PUBLISHED[law].params[name] if published is None else published
    why, command = WHY[f"own protocol: {law} {name}"], command_of(table, law)
    return exponent(f"{KAPLAN}, {where}", claim, name, fitted(table, law), theirs, why, command, rival)
