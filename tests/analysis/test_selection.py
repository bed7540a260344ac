"""Verdicts on rules of selection: shifts of constant and slope that are known come back, with their cost."""

import math

import numpy as np
import polars as pl
import pytest

from quarry.analysis.selection.__main__ import cells
from quarry.analysis.selection.lead import lead, words
from quarry.analysis.selection.verdicts import verdicts
from quarry.errors import PointsError

TOKENS = [2**power for power in range(13, 18)]
ALPHA, NOISE = 0.1, 0.002
RULES = {"pieces": (1.0, 0.0), "twice?scores=a": (2.0, 0.0), "steep": (1.0, 0.03), "same": (1.0, 0.0)}
"""Data at equal loss in the middle of the range, and what is added to the slope."""


def loss(rule: str, size: int, tokens: int, draw: int, entropy: float = 0.0) -> float:
    factor, steeper = RULES[rule]
    noise = np.random.default_rng((draw, size, tokens, len(rule))).normal(0, NOISE)
    data = math.log(factor * tokens / TOKENS[2])
    return entropy + (1 + 1e3 / size) * math.exp(-(ALPHA + steeper) * data + noise)


def study(entropy: float | None = None) -> pl.DataFrame:
    rows = [
        {
            "corpus": "text", "selection": rule, "n_nonembedding": size, "unique_tokens": tokens,
            "draw": draw, "seed_init": draw, "seed_order": 0, "annealed": True, "split": "validation",
            "status": "finished", "loss": loss(rule, size, tokens, draw, entropy or 0.0) * worse,
            "entropy_rate": entropy, "source_loss": None, "epochs": 4.0 / worse,
            "flops_6ne": 6.0 * size * 4 * tokens,
            "flops_selection": 6.0 * size * 4 * tokens if "scores" in rule else None,
        }
        for rule in RULES for size in (1000, 4000) for tokens in TOKENS
        for draw in ((0, 1, 2) if rule == "pieces" else (0,)) for worse in (1.0, 1.1)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"entropy_rate": pl.Float64, "source_loss": pl.Float64})


@pytest.mark.parametrize("entropy", [None, 2.0])
def test_a_known_shift_of_constant_or_slope_is_found(entropy):
    points = study(entropy)
    if entropy:  # 1.1 times the loss is then no longer 1.1 times what lies above the entropy rate
        points = points.filter(epochs=4.0)
    found = {(row["rule"], row["n"]): row for row in verdicts(points).iter_rows(named=True)}
    assert len(found) == 9
    for size in (1000, 4000, None):
        twice, steep, same = (found[rule, size] for rule in ("twice", "steep", "same"))
        assert twice["multiplier_low"] < 2 < twice["multiplier_high"]
        assert twice["charged"] == pytest.approx(twice["multiplier"] / 2)
        assert twice["share"] == pytest.approx(1)
        assert twice["verdict"] == "constant, better"
        assert steep["alpha_change_low"] < 0.03 < steep["alpha_change_high"]
        assert (steep["verdict"], same["verdict"]) == ("steeper", "no difference")
        assert steep["alpha"] == pytest.approx(ALPHA + 0.03, abs=0.005)
        assert same["charged"] == same["multiplier"]
    assert cells(found["twice", None])[:3] == ("text", "twice", "all")


def test_studies_without_replicates_or_enough_tokens_are_refused():
    points = study()
    with pytest.raises(PointsError, match="the rule 'pieces' has no replicates"):
        verdicts(points.filter(draw=0))
    with pytest.raises(PointsError, match="no rule beside 'pieces' has losses at 3 values of U"):
        verdicts(points.filter(pl.col("unique_tokens") < TOKENS[2]))
    with pytest.raises(PointsError, match="no finished run"):
        verdicts(points.filter(draw=7))


def test_the_lead_of_a_rule_is_by_tokens_and_common_seeds():
    points = study().with_columns(tokens=(pl.col("unique_tokens") * pl.col("epochs")).round().cast(pl.Int64))
    found = lead(points, "twice").filter(n_nonembedding=1000, unique_tokens=TOKENS[2])
    assert found["epochs"].to_list() == pytest.approx([4 / 1.1, 4])
    assert found["runs"].to_list() == [1, 1]  # replicates of the control have no partner
    ratio = math.log(loss("pieces", 1000, TOKENS[2], 0) / loss("twice?scores=a", 1000, TOKENS[2], 0))
    assert found["lead"].to_list() == pytest.approx([ratio, ratio])
    assert found["cost"].to_list() == pytest.approx([2, 2])
    assert words(found.row(1, named=True))[:3] == ("1,000", "32,768", "4")
    with pytest.raises(PointsError, match="no run by 'none' ended where one by 'pieces' did"):
        lead(points, "none")
