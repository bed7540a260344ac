"""Tables whose rows of one size and data differ in a setting, or whose residuals cluster by size."""

import numpy as np
import polars as pl
import pytest

from quarry import fit
from quarry.analysis.fitting.comparison.recipes import of_best_recipe
from quarry.analysis.points.loading import load_points
from quarry.analysis.points.settings import settings
from tests.analysis.quick import QUICK
from tests.commands import quarry_here

SIZES, TOKENS = np.geomspace(5e7, 2e9, 5), np.geomspace(1e9, 8e10, 5)
RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
NOISE = 0.003


def law(n, tokens):
    return 1.8 + 480 / n**0.35 + 2000 / tokens**0.37


def swept() -> pl.DataFrame:
    """Five learning rates at every N and D, the best in the middle; seeds differ by NOISE."""
    table = pl.DataFrame({"N": SIZES}).join(pl.DataFrame({"D": TOKENS}), how="cross")
    table = table.join(pl.DataFrame({"peak_lr": RATES}), how="cross")
    penalty = 0.02 * (table["peak_lr"].log() - np.log(2e-3)).to_numpy() ** 2
    noise = NOISE * np.random.default_rng(0).standard_normal(len(table))
    return table.with_columns(
        loss=law(table["N"].to_numpy(), table["D"].to_numpy()) * np.exp(penalty + noise)
    )


@pytest.mark.slow
def test_rows_that_differ_in_a_setting_are_told_and_the_best_is_kept(tmp_path):
    swept().write_csv(tmp_path / "rates.csv")
    words = ["fit", "rates.csv", "--law", "chinchilla", "--bootstrap", 0, "--json", "fit.json"]
    said = quarry_here(*words, cwd=tmp_path).stdout
    assert "rows of the same N, E, U differ in peak_lr (5 values): they are no repeats of one run" in said
    done = quarry_here(*words, "--best-recipe", cwd=tmp_path)
    assert "the best of up to 5 recipes (peak_lr) at each N, U and k: 25 of 125 points" in done.stdout
    assert "they are no repeats" not in done.stdout


@pytest.mark.slow
def test_the_noise_of_the_best_is_that_of_seeds():
    best = of_best_recipe(load_points(swept()))[0]
    assert NOISE / 2 < fit(best, QUICK, bootstrap=0).seed_noise < NOISE * 1.5
    every = fit(swept(), QUICK, bootstrap=0)
    assert every.seed_noise > 2 * NOISE  # the law lies between the rates


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"exclude": ["peak_lr!=0.001"]}, {"exclude": ["peak_lr!=0.004"]}, {}])
def test_the_noise_with_one_rate_or_with_losses_above_the_law_counting_less_is_near_that_of_seeds(options):
    points, above = load_points(swept(), **options), 1.0 if options else 0.1
    assert NOISE / 2 < fit(points, QUICK, bootstrap=0, above=above).seed_noise < NOISE * 1.6


def test_seeds_are_repeats_and_rates_are_not():
    seeds = [swept().with_columns(pl.col("loss") * np.exp(s * NOISE), seed=pl.lit(s)) for s in (-1, 0, 1)]
    assert fit(pl.concat(seeds), QUICK, bootstrap=0).seed_noise == pytest.approx(NOISE, rel=1e-6)


def test_repeats_within_a_setting_measure_the_noise_of_seeds():
    table = pl.concat([swept(), swept().with_columns(pl.col("loss") * np.exp(NOISE * np.sqrt(2)))])
    assert fit(table, QUICK, bootstrap=0).seed_noise == pytest.approx(NOISE, rel=1e-6)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"peak_lr": [1, 1, 2, 2]}, (["peak_lr"], [])),
        ({"optimizer": ["adam", "muon", "adam", "muon"]}, (["optimizer"], [])),
        ({"seed": [1, 2, 1, 2], "run_id": ["a", "b", "c", "d"], "wall_time": [1, 2, 3, 4]}, ([], [])),
        ({"grad_norm": [0.1, 0.2, 0.3, 0.4]}, ([], ["grad_norm"])),
        ({"LR": [0.1, 0.2, 0.3, 0.4]}, (["LR"], [])),
        ({"depth": [1, 1, 1, 1], "tags": [["a"], ["b"], [], []]}, ([], [])),
    ],
)
def test_a_setting_takes_few_values_or_has_a_known_name(columns, expected):
    table = pl.DataFrame({"N": [1e6] * 4, "loss": [3.0] * 4} | columns)
    assert settings(table, ["N"]) == expected


def test_the_shape_and_the_rule_of_selection_are_settings_of_a_recorded_run():
    record = {
        "unique_tokens": [1e9] * 4,
        "tokens": [1e9] * 4,
        "n_nonembedding": [1e6] * 4,
        "draw": [0, 1, 0, 1],
    }
    shape = {"n_layers": [2, 2, 8, 8], "d_model": [64, 64, 32, 32]}
    table = pl.DataFrame(
        record | shape | {"selection": ["pieces", "gzip:low"] * 2, "loss": [3.0, 3.1, 3.2, 3.3]}
    )
    assert settings(table, ["tokens"]) == (["n_layers", "d_model", "selection"], [])


def clustered(offset: float, seed: int = 0) -> pl.DataFrame:
    """Ten token counts of each of six sizes, doubling, whose losses share an offset by size."""
    random = np.random.default_rng(seed)
    n, tokens = np.repeat(np.geomspace(1e7, 1e9, 6), 10), np.tile(1e8 * 2.0 ** np.arange(10), 6)
    shifts = np.repeat(offset * random.standard_normal(6), 10) + 0.001 * random.standard_normal(60)
    return pl.DataFrame({"N": n, "D": tokens, "loss": law(n, tokens) * np.exp(shifts)})


def test_residuals_that_cluster_by_size_are_told_where_no_run_is_named():
    def told(table):
        return [said for said in fit(table, QUICK, bootstrap=0).warnings if "residuals cluster by N" in said]

    assert "name the run of each row in a column run" in told(clustered(0.01))[0]
    assert told(clustered(0.0)) == []
    named = pl.format("run {}", pl.int_range(pl.len()))
    assert told(clustered(0.01).with_columns(run=named)) == []


@pytest.mark.slow
def test_a_single_number_of_unique_tokens_is_told_for_laws_of_repeats():
    def told(unique):
        places = [(n, u, k) for n in SIZES for u in unique for k in (1, 2, 4)]
        rows = [{"N": n, "U": u, "E": k * u, "loss": law(n, k * u)} for n, u, k in places]
        freeze = {"L_inf": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.35, "beta": 0.37, "R_N": 5.0}
        found = fit(pl.DataFrame(rows), "data-constrained", freeze=freeze, bootstrap=0)
        return [said for said in found.warnings if "all points have one U" in said]

    assert "all points have one U (1B): passes vary with E alone" in told([1e9])[0]
    assert told([1e9, 4e9]) == []


@pytest.mark.slow
def test_separate_runs_seldom_look_clustered():
    told = [fit(clustered(0.0, seed), QUICK, bootstrap=0).warnings for seed in range(40)]
    assert not [said for each in told for said in each if "cluster by N" in said]
