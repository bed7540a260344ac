"""The result of the study of epochs: its tables, its claims, and their JSON."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import polars as pl

from quarry.results import Result, quantities
from quarry.train.record.files import json_values

if TYPE_CHECKING:
    from quarry.analysis.epochs.claims import Verdict
    from quarry.analysis.epochs.noise import Noise


@dataclass(frozen=True)
class Epochs(Result):
    """Tables and verdicts: losses in nats per token, each estimate with _low and _high at `level`.

    - `floors`, by U: grid, asymptote, floor, information, and ensemble where there is one; `irreducible`:
      L_inf.
    - `cells`, by N, U, k: see `quarry.analysis.epochs.decomposition.cells_table`.
    - `elasticities`, by N, U, k of the best recipe: what more of each would give, and the regime by it.
    - `recipes`, by N, U: the best recipe with its batch, and how many were tried.
    - `passes`, by criterion, N, U: k_rho and k_f to the floor, and `own`: to the least loss of the size.
    - `states`, by N, U: whether the size has reached the deciding criterion, can, or cannot
      (`quarry.analysis.epochs.capacity`).
    - `laws`: exponents in N and U of passes and of r_inf - 1.
    - `first_pass`, by N, E: the annealed loss on tokens seen once.
    - `gaps`, by N, E; `gap_forms`: errors at held-out larger N; `gap_laws`, by E: exponent of N, N_merge.
    - `tokens_to_loss`, by loss and N, with S_min; `sample_efficiency`, by loss: the exponent in N.
    - `duality`, by loss, N, U: repeated over fresh tokens.
    - `reuse` and `reuse_tuned`, by N, U: r_inf, k_opt. `multipliers`, by regulariser and U. `code`, by N, U.
    - `answers`, by statement and law: the size from which on it holds (`quarry.analysis.epochs.agreement`).
    - `shares`, by recipe and U: the slope of ln r_inf in ln N and its two terms, extraction and the change of
      the own least loss; `fixed_passes`, by recipe, U and k: the slope of ln r.
    - `circuits`, by n, N = 4 n, U, k: four averaged small runs beside a larger one
      (`quarry.analysis.epochs.circuits`); `exchange`, by N, the next larger size and U: the unique tokens
      that the larger saves at equal least loss (`quarry.analysis.epochs.exchange`).
    - `verdicts`, by the floor of single models, and `ensemble_verdicts` by that of ensembles, if any.
    - `causes`, by U: extraction or overfitting (`quarry.analysis.epochs.causes`).
    """

    floors: pl.DataFrame
    irreducible: dict[str, float | None]
    cells: pl.DataFrame
    recipes: pl.DataFrame
    elasticities: pl.DataFrame
    states: pl.DataFrame
    passes: pl.DataFrame
    laws: pl.DataFrame
    first_pass: pl.DataFrame
    gaps: pl.DataFrame
    gap_forms: pl.DataFrame
    gap_laws: pl.DataFrame
    tokens_to_loss: pl.DataFrame
    sample_efficiency: pl.DataFrame
    duality: pl.DataFrame
    reuse: pl.DataFrame
    reuse_tuned: pl.DataFrame
    shares: pl.DataFrame
    fixed_passes: pl.DataFrame
    circuits: pl.DataFrame
    exchange: pl.DataFrame
    multipliers: pl.DataFrame
    code: pl.DataFrame
    answers: pl.DataFrame
    causes: pl.DataFrame
    verdicts: "tuple[Verdict, ...]"
    ensemble_verdicts: "tuple[Verdict, ...]"
    noise: "Noise"
    unigram_entropy: float
    level: float
    warnings: tuple[str, ...]

    @property
    def headline(self) -> str:
        return "epochs against sample efficiency: the verdict on each claim"

    def table(self) -> pl.DataFrame:
        """A row for each claim: its verdict, the quantity that decides it, low, high, share of the draws."""
        verdicts = self.verdicts
        rows = quantities({each.claim: (each.estimate, each.interval) for each in verdicts})
        return rows.rename({"quantity": "claim"}).with_columns(
            holds=pl.Series([each.holds for each in verdicts]),
            quantity=pl.Series([each.quantity for each in verdicts]),
            share_of_draws=pl.Series([each.probability for each in verdicts], dtype=pl.Float64),
        )

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        tables = {name: value.to_dicts() for name, value in plain.items() if isinstance(value, pl.DataFrame)}
        judged = ("verdicts", "ensemble_verdicts")
        values = {name: [vars(verdict) for verdict in getattr(self, name)] for name in judged}
        return json_values(plain | tables | values | {"noise": vars(self.noise)})
