"""The table of corpora of docs/data.md, from the committed results: python docs/scripts/data_table.py"""

from pathlib import Path

import polars as pl

from quarry.text import markdown_table

TABLE = Path(__file__).parents[2] / "experiments" / "results" / "quarries" / "corpora.csv"
HEAD = (
    "corpus",
    "documents",
    "MB",
    "tokens",
    "gzip",
    "near copies",
    "longest, kB",
    "bits per byte of 9k parameters",
)


def rows() -> list[tuple[str, ...]]:
    """The rows of the page's table, as text."""
    return [
        (
            f"`{row['corpus']}`",
            f"{row['documents']:,}",
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['tokens'] / 1e6:.2f}M `{row['tokenizer']}`",
            f"{row['gzip_ratio']:.2f}",
            f"{row['near_duplicate_rate']:.1%}",
            f"{row['longest_bytes'] / 1e3:.3g}",
            f"{row['trained_bits_per_byte']:.2f}",
        )
        for row in pl.read_csv(TABLE).to_dicts()
    ]


def table() -> str:
    """The table in Markdown."""
    return markdown_table(HEAD, rows())


if __name__ == "__main__":
    print(table())
