"""The tables of docs/shape.md, from the committed results: python docs/scripts/shape_tables.py"""

from pathlib import Path

import polars as pl

from quarry.text import markdown_table

RESULTS = Path(__file__).parents[2] / "experiments" / "results" / "shape"


def behind(nats: float | None, error: float) -> str:
    """A difference with its standard error, in nats; a dash outside the Transformer's sizes."""
    return "–" if nats is None else f"{nats:+.3f} ± {error:.3f}"


def architectures() -> str:
    """Every architecture and size, beside the Transformer at equal N and at equal compute."""
    head = ("architecture", "d_model", "N", "loss", "behind at equal N", "behind at equal C")
    return markdown_table(
        head,
        (
            (
                row["architecture"],
                str(row["d_model"]),
                f"{row['n_nonembedding']:,}",
                f"{row['loss']:.3f}",
                behind(row["behind_at_n"], row["error"]),
                behind(row["behind_at_c"], row["error"]),
            )
            for row in pl.read_csv(RESULTS / "architectures.csv").to_dicts()
            if row["architecture"] != "transformer"
        ),
    )


def shapes() -> str:
    """Every shape, beside the base."""
    head = ("shape", "d_model", "layers", "heads", "d_ff", "N", "loss", "above the base")
    return markdown_table(
        head,
        (
            (
                *(str(row[name]) for name in ("point", "d_model", "n_layers", "n_heads", "d_ff")),
                f"{row['n_nonembedding']:,}",
                f"{row['loss']:.3f}",
                f"{row['excess']:+.1%} ± {row['error']:.1%}",
            )
            for row in pl.read_csv(RESULTS / "shapes.csv").to_dicts()
        ),
    )


def contexts() -> str:
    """The tokens that longer contexts need for a loss of the shortest."""
    table = pl.read_csv(RESULTS / "contexts.csv")
    shortest = table.filter(context=table["context"].min())
    longer = [own for _, own in table.group_by("context", maintain_order=True)][1:]
    head = ("loss of the shortest", "its tokens", *(f"at {own['context'][0]}" for own in longer))
    shares = ([row["share"] for row in own.to_dicts()] for own in longer)
    return markdown_table(
        head,
        (
            (
                f"{row['loss']:.3f}",
                f"{row['shortest']:,}",
                *("–" if share is None else f"{share:.2f} of them" for share in others),
            )
            for row, *others in zip(shortest.to_dicts(), *shares, strict=True)
        ),
    )


if __name__ == "__main__":
    print(architectures(), shapes(), contexts(), sep="\n\n")
