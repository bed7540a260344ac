"""Whether a column of losses holds perplexities: exp of the loss, which no law here describes."""

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

_LARGEST_LOSS = 15.0
"""Above the loss of a uniform guess among 3 million tokens."""

_MANY, _NEAR = 1.6, 1.7
"""Values of so many times the loss that Chinchilla's law gives at the same N and E are doubted if their
logarithms lie within the second factor of it. Over 38 columns of published losses the median is at most 1.4
times, and that of their logarithms at most 0.5 times (0.59 is doubted)."""

_NAMED = re.compile(r"perplexity|(^|[^a-z])ppl([^a-z]|$)")
_LOGARITHM = re.compile(r"log|(^|[^a-z])ln([^a-z]|$)")

_REMEDY = "of a perplexity take the logarithm first"


def perplexity_doubts(table: pl.DataFrame) -> list[str]:
    """A sentence if the column loss looks like one of perplexities; or none."""
    if "loss" not in table.columns:
        return []
    loss = _numbers(table, ["loss"])["loss"]
    if len(loss) and loss.max() > _LARGEST_LOSS:
        return [
            f"column loss reaches {loss.max():g}: a model that knows nothing has ln(vocabulary), 11 nats for "
            f"60,000 tokens; {_REMEDY}"
        ]
    if {"N", "E"} <= set(table.columns) and _is_exponential(_numbers(table, ["N", "E", "loss"])):
        return [
            f"column loss, {loss.min():.3g} to {loss.max():.3g}, is more than {_MANY:g} times what models of "
            f"this N and E have in nats per token, and its logarithm is about that: {_REMEDY}"
        ]
    return []


def named_perplexity(names: Sequence[str]) -> list[str]:
    """A sentence if the column that is read as the loss is called a perplexity, and not its logarithm."""
    return [
        f"column {name} is read as a loss in nats per token: {_REMEDY}"
        for name in names
        if _NAMED.search(name.lower()) and not _LOGARITHM.search(name.lower())
    ]


def _numbers(table: pl.DataFrame, names: list[str]) -> dict[str, np.ndarray]:
    """The columns as float64 [rows], of the rows where all are positive and finite."""
    columns = table.select(pl.col(name).cast(pl.Float64, strict=False).fill_null(np.nan) for name in names)
    values = columns.to_numpy()
    usable = (np.isfinite(values) & (values > 0)).all(axis=1)
    return dict(zip(names, values[usable].T, strict=True))


def _is_exponential(rows: dict[str, np.ndarray]) -> bool:
    """Whether the logarithms of the losses, and not the losses, are those of models of this N and E."""
    if not len(rows["loss"]) or rows["loss"].min() <= 1:
        return False
    usual = 1.8172 + 482.01 / rows["N"] ** 0.3478 + 2085.43 / rows["E"] ** 0.3658  # Besiroglu et al. 2024
    times, of_logarithm = (float(np.median(v / usual)) for v in (rows["loss"], np.log(rows["loss"])))
    return times > _MANY and 1 / _NEAR < of_logarithm < _NEAR
