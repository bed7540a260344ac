"""What the study reads from the points beside the losses: L_0, the rows of the plain recipe, their batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.points.schema import BATCH, TUNED
from quarry.checks import check_positive
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.epochs.cells import Terminal


@dataclass(frozen=True)
class FirstPassBatch:
    """The batch of the first passes in tokens, and the law of the critical one (B_star, alpha_B)."""

    tokens: float
    critical: Mapping[str, float]

    def critical_at(self, loss):
        return critical_batch(loss, self.critical)


def held_out_entropy(table: pl.DataFrame, given: float | None) -> float:
    """L_0 in nats per token: as given, or the column `unigram_entropy` of the points. Raises FitError."""
    if given is None and "unigram_entropy" in table.columns:
        known = table["unigram_entropy"].drop_nulls()
        given = float(known.median()) if len(known) else None  # pyright: ignore[reportArgumentType]
    if given is None:
        raise FitError(
            "the points have no unigram_entropy (older runs, or another trainer's): give that of the "
            "held-out text, in nats per token (quarry epochs --unigram-entropy)"
        )
    check_positive(FitError, unigram_entropy=given)
    return given


def entropy_rate(table: pl.DataFrame) -> float:
    """The least `entropy_rate` of the points, nats per token; 0 where it is not known of all of them."""
    if "entropy_rate" not in table.columns or table["entropy_rate"].null_count():
        return 0.0
    return float(table["entropy_rate"].min())  # pyright: ignore[reportArgumentType]


def plain_rows(table: pl.DataFrame, surface: "Terminal") -> pl.DataFrame:
    """The rows of each size's plain recipe, annealed or not."""
    recipe = [name for name in TUNED if name in table.columns]
    plain = surface.cells.filter("plain").select("N", *recipe).unique()
    return table.join(plain, on=["N", *recipe], how="semi")


def first_pass_batch(trained: pl.DataFrame, critical: Mapping[str, float] | None) -> FirstPassBatch | None:
    """The one batch of the plain runs with the law of the critical batch; None without that law."""
    if critical is None:
        return None
    if set(critical) != {"B_star", "alpha_B"}:
        raise FitError(f"critical={dict(critical)}: must be B_star and alpha_B")
    check_positive(FitError, **critical)
    name = next((name for name in BATCH["B"] if name in trained.columns), None)
    batches = [] if name is None else trained[name].drop_nulls().unique().to_list()
    if len(batches) != 1:
        raise FitError(
            f"with a critical batch all runs of the plain recipe must have one B (or batch_tokens); "
            f"they have {', '.join(f'{batch:g}' for batch in sorted(batches)) or 'none'}"
        )
    return FirstPassBatch(batches[0], dict(critical))
