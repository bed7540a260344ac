"""Verdicts on rules of selection: shifts of constant and slope that are known come back, with their cost."""

import math

import numpy as np
import polars as pl
import pytest

from quarry.analysis.selection.__main__ import cells
from quarry.analysis.selection.cells import noise_at, noise_of_difference, paired, rule_name, t_factor
from quarry.analysis.selection.lead import lead, words
from quarry.analysis.selection.lines import fit_line
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


def test_the_noise_of_a_rule_is_the_spread_of_its_difference_between_seeds():
    """What runs of one seed share is no noise; a rule without replicates has that of two of the control."""
    losses = {"pieces": (1.0, 1.2, 1.1), "rule": (1.1, 1.32, 1.2), "once": (1.3,)}
    table = pl.DataFrame(
        {"rule": rule, "corpus": "text", "n_nonembedding": 1000, "unique_tokens": 64, "excess": loss,
         "draw": draw, "seed_init": 0, "seed_order": 0}
        for rule, of_rule in losses.items() for draw, loss in enumerate(of_rule)
    )  # fmt: skip
    spread = np.std([math.log(1.1), math.log(1.1), math.log(1.2 / 1.1)], ddof=1)
    control = np.std(np.log(losses["pieces"]), ddof=1)
    for rule, noise in (("rule", spread), ("once", control * math.sqrt(2))):
        found = noise_of_difference(paired(table, rule, "pieces"), table, "pieces")
        assert found.rows() == [(64, pytest.approx(noise), 2)]


def test_the_error_of_a_lead_is_the_spread_between_seeds_pooled_over_sizes():
    draws = {1000: (0.01, 0.03), 4000: (0.02, 0.05)}
    rows = [
        {
            "corpus": "text", "selection": rule, "n_nonembedding": size, "unique_tokens": 100, "tokens": 100,
            "draw": draw, "seed_init": 0, "seed_order": 0, "annealed": True, "split": "validation",
            "status": "finished", "loss": math.exp(-ahead * (rule == "ahead")), "epochs": 1.0,
            "flops_6ne": 1.0, "flops_selection": None,
        }
        for size, leads in draws.items() for draw, ahead in enumerate(leads) for rule in ("pieces", "ahead")
    ]  # fmt: skip
    found = lead(pl.DataFrame(rows, schema_overrides={"flops_selection": pl.Float64}), "ahead")
    assert found["lead"].to_list() == pytest.approx([0.02, 0.035])
    pooled = math.sqrt((0.0002 + 0.00045) / 2 / 2)  # of a mean of two, with two degrees of freedom
    assert found["lead_half"].to_list() == pytest.approx([4.3027 * pooled] * 2, rel=1e-4)
    assert words(found.row(0, named=True))[5] == "+2.0% ± 5.5%"


@pytest.mark.parametrize(("misfit", "most"), [(0.0, 0.995), (1.0, 0.99), (10.0, 0.965)])
@pytest.mark.parametrize("freedom", [2, 6])
def test_intervals_hold_the_truth_whichever_noise_dominates(misfit, most, freedom):
    """Replicates know a noise of 1 at each U with few degrees of freedom; only the scatter knows what bends
    the line."""
    generator, repeats = np.random.default_rng(0), 2000
    x = np.log(TOKENS)
    y = 3 + 2 * (x - x.mean()) + generator.normal(0, math.hypot(1, misfit), (repeats, len(x)))
    measured = generator.chisquare(freedom, (repeats, len(x))) / freedom
    known = np.full(len(x), freedom)
    lines = [fit_line(x, each, np.diag(of_each), known) for each, of_each in zip(y, measured, strict=True)]
    slope, height, slope_half, height_half = np.transpose(lines)
    for error, half in ((slope - 2, slope_half), (height - 3, height_half)):
        assert 0.94 < (abs(error) < half).mean() < most


def test_few_degrees_of_freedom_at_the_ends_count():
    """The noise of one end alone gives the slope the degrees of freedom of that end."""
    x, variance = np.log(TOKENS), np.array([4.0, 0, 0, 0, 0])
    line = fit_line(x, np.zeros(len(x)), np.diag(variance), np.full(len(x), 2))
    centred = x - x.mean()
    assert line.slope_half == pytest.approx(4.3027 * 2 * abs(centred[0]) / (centred @ centred), rel=1e-4)


def test_noise_measured_at_two_u_has_the_degrees_of_freedom_of_two():
    """Three U between and beyond them add none."""
    noise = pl.DataFrame({"unique_tokens": [TOKENS[1], TOKENS[3]], "sd": [1.0, 3.0], "freedom": [2, 2]})
    parts, freedom = noise_at(noise, np.array(TOKENS))
    assert parts.tolist() == [[1, 0], [1, 0], [pytest.approx(0.5), pytest.approx(4.5)], [0, 9], [0, 9]]
    line = fit_line(np.log(TOKENS), np.zeros(5), parts, freedom)
    of_mean = parts.sum(axis=0) / 25
    degrees = of_mean.sum() ** 2 / (of_mean**2 / 2).sum()
    assert line.height_half == pytest.approx(t_factor(degrees) * math.sqrt(of_mean.sum()))


@pytest.mark.parametrize("judge", [verdicts, lambda points: lead(points, "twice")])
def test_a_run_that_is_there_twice_is_refused(judge):
    points = study().with_columns(tokens=(pl.col("unique_tokens") * pl.col("epochs")).round().cast(pl.Int64))
    twice = pl.concat(
        [points, points.filter(selection="twice?scores=a", epochs=4.0, unique_tokens=TOKENS[0])]
    )
    with pytest.raises(PointsError, match=r"2 runs of the rule 'twice' at N = .*, U = 8,192 have"):
        judge(twice)


def test_numbers_of_a_rule_are_part_of_its_name_and_other_rules_may_repeat():
    """What repeats of one rule say of another is nothing."""
    points = study().with_columns(tokens=(pl.col("unique_tokens") * pl.col("epochs")).round().cast(pl.Int64))
    half = points.filter(selection="same").with_columns(selection=pl.lit("same?keep=0.5"))
    both = pl.concat([points, half])
    assert {"same", "same?keep=0.5"} <= set(verdicts(both)["rule"])
    repeated = pl.concat([both, half])
    assert lead(repeated, "twice").equals(lead(points, "twice"))
    with pytest.raises(PointsError, match=r"2 runs of the rule 'same\?keep=0.5' .* have the same seeds"):
        verdicts(repeated)


@pytest.mark.parametrize(
    ("selection", "name"),
    [
        ("low?scores=/runs/keep=0.5/x,keep=0.3", "low?keep=0.3"),
        ("quality?like=mix:a=0.5+folder:/x,keep=2/y", "quality"),
        ("low?keep=0.5,candidates=4", "low?candidates=4,keep=0.5"),
        ("pieces?piece=256", "pieces"),
    ],
)
def test_a_rule_is_named_without_files_and_pieces(selection, name):
    assert pl.DataFrame({"selection": selection}).select(rule_name(pl.col("selection"))).item() == name


def test_replicates_of_one_size_give_the_lines_of_each_and_none_of_their_mean():
    points = study().filter((pl.col("n_nonembedding") == 1000) | (pl.col("draw") == 0))
    assert verdicts(points).filter(rule="twice")["n"].to_list() == [1000, 4000]


def test_studies_without_replicates_or_enough_tokens_are_refused():
    points = study()
    with pytest.raises(PointsError, match="the rule 'pieces' has no replicates"):
        verdicts(points.filter(draw=0))
    with pytest.raises(PointsError, match="no rule beside 'pieces' has losses at 3 values of U"):
        verdicts(points.filter(pl.col("unique_tokens") < TOKENS[2]))
    other = pl.when(pl.col("selection") == "same").then(9).otherwise(pl.col("seed_order")).alias("seed_order")
    with pytest.raises(
        PointsError, match="no run by 'same' has the seeds of one by 'pieces' in the same cell"
    ):
        verdicts(points.with_columns(other))
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
    assert found["lead_half"].to_list() == [None, None]
    with pytest.raises(PointsError, match="no run by 'none' ended where one by 'pieces' did"):
        lead(points, "none")
