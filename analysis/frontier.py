"""The lower envelope of learning curves: the compute frontier."""

import polars as pl


def compute_frontier(curves: pl.DataFrame) -> pl.DataFrame:
    """The rows of `curves` that no other row beats with at most its loss at no more compute.

    `curves` needs the columns C and loss; a row that lacks either, or has it not finite, is on no frontier.
    Returns those rows by rising C, so by strictly falling loss (Kaplan et al. 2020, section 6; Hoffmann et
    al. 2022, approach 1).
    """
    costs = curves.filter(pl.col("C").is_finite(), pl.col("loss").is_finite()).sort("C", "loss")
    best_so_far = pl.col("loss").cum_min().shift(1, fill_value=float("inf"))
    return costs.filter(pl.col("loss") < best_so_far)
