"""The tables of docs/ensembles.md, from the committed results: python docs/scripts/ensembles_tables.py"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from quarry.text import markdown_table

RESULTS = Path(__file__).parents[2] / "experiments" / "results" / "ensembles"
PASSES = (1.0, 4.0, 16.0, 32.0)


def estimate(row: dict[str, Any], name: str, digits: int, sign: str = "") -> str:
    """An estimate with its interval: an open end, or no estimate, is a dash."""
    value, *ends = (row[each] for each in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "–"
    low, high = ("–" if end is None else f"{end:{sign}.{digits}f}" for end in ends)
    return f"{value:{sign}.{digits}f} [{low}, {high}]"


def size(value: float) -> str:
    """Parameters in thousands."""
    return f"{value / 1000:.1f}k" if value < 1e4 else f"{value / 1000:.0f}k"


def losses(row: dict[str, Any], *names: str) -> Iterable[str]:
    """Losses to three digits, a dash for none."""
    return ("–" if row[name] is None else f"{row[name]:.3f}" for name in names)


def place(row: dict[str, Any]) -> tuple[str, str]:
    """U and k."""
    return f"2^{int(row['unique_tokens']).bit_length() - 1}", f"{row['k']:g}"


def gains() -> str:
    """K averaged runs of n parameters beside one of K n."""
    table = pl.read_csv(RESULTS / "gains.csv").filter(pl.col("N").is_not_null(), pl.col("k").is_in(PASSES))
    head = (
        "U",
        "k",
        "n",
        "K",
        "one of n",
        "K of n",
        "one of K n",
        "share of its gain",
        "K of n less one of K n",
    )
    return markdown_table(
        (*head, "one of K n, more decay"),
        (
            (
                *place(row),
                size(row["n"]),
                str(row["members"]),
                *losses(row, "one", "averaged", "larger"),
                estimate(row, "share", 2),
                estimate(row, "above", 3, "+"),
                *losses(row, "decayed"),
            )
            for row in table.sort("unique_tokens", "n", "members", "k").to_dicts()
        ),
    )


def exchange() -> str:
    """The size of a single run with the loss of K averaged ones."""
    table = pl.read_csv(RESULTS / "gains.csv").filter(pl.col("k").is_in(PASSES))
    return markdown_table(
        ("U", "k", "n", "K", "K of n", "equal to one of", "worth"),
        (
            (
                *place(row),
                size(row["n"]),
                str(row["members"]),
                *losses(row, "averaged"),
                "more than any size" if row["equal_n"] is None else size(row["equal_n"]),
                estimate(row, "worth", 2),
            )
            for row in table.sort("unique_tokens", "n", "members", "k").to_dicts()
        ),
    )


def retrieval() -> str:
    """The look-up of the U tokens beside the model, and of tokens that it has not read."""
    table = pl.read_csv(RESULTS / "retrieval.csv").sort("unique_tokens", "n_nonembedding", "epochs", "draw")
    own, unread = table.filter(draw=0), table.filter(draw=1)
    key = ("unique_tokens", "n_nonembedding", "epochs", "seed_init")
    table = own.join(
        unread.select(*key, "softened_gain", "softened_gain_sem"), on=key, how="left", suffix="_unread"
    )
    table = table.rename({"epochs": "k"})
    head = ("U", "n", "k", "model", "look-up alone", "both", "gain", "softened model", "gain over it")
    return markdown_table(
        (*head, "the same of unread tokens"),
        (
            (
                place(row)[0],
                size(row["n_nonembedding"]),
                place(row)[1],
                *losses(row, "model", "looked_up", "mixture"),
                error(row, "gain"),
                *losses(row, "softened"),
                error(row, "softened_gain"),
                error(row, "softened_gain_unread", "softened_gain_sem_unread"),
            )
            for row in table.to_dicts()
        ),
    )


def error(row: dict[str, Any], name: str, sem: str | None = None) -> str:
    """A gain in nats with its standard error."""
    return "–" if row[name] is None else f"{row[name]:.3f} ± {row[sem or f'{name}_sem']:.3f}"


if __name__ == "__main__":
    print(gains(), exchange(), retrieval(), sep="\n\n")
