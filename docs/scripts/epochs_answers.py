"""Four sets of runs that answer objections to docs/epochs.md, as rows of its tables.

Depth at equal N, 64 passes, held-out text of other authors, ensembles of 394 thousand parameters.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from quarry.analysis.epochs.cells import CELL, annealed_rows, numeric_points, terminal
from quarry.analysis.epochs.ensembles import ensemble_floors
from quarry.analysis.epochs.estimates import censored_row, estimate_row
from quarry.analysis.epochs.first_reached import first_below
from quarry.analysis.epochs.grid import first_pass, plain_grid, tuned_grid
from quarry.analysis.epochs.noise import measured_noise
from quarry.analysis.epochs.reuse import reuse
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.text import count, estimate

RESULTS = Path(__file__).resolve().parents[2] / "experiments" / "results" / "epochs"
RATE = 0.3
"""The learning rate of the table's recipe times d_model."""
RHO = 0.1
CUT = 32.5
"""Just above the most passes of the table."""
Rows = list[tuple[str, str]]


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def read(name: str) -> pl.DataFrame:
    return pl.read_parquet(RESULTS / f"{name}.parquet")


def held_out(table: pl.DataFrame) -> pl.DataFrame:
    """The annealed losses, with k."""
    rows = table.filter("annealed", split="validation")
    return rows.with_columns(k=pl.col("epochs").round_sig_figs(3))


# Depth

PLACE = ["N", "unique_tokens", "k"]


def depth_runs(*points: pl.DataFrame) -> pl.DataFrame:
    """Runs by the table's batch and decay: N (12 L d_model^2), layers, U, k, rate (times that of the recipe),
    loss."""
    tables = [held_out(each) for each in points]
    names = ["unique_tokens", "k", "n_layers", "d_model", "peak_learning_rate", "batch_tokens", "draw"]
    names += ["weight_decay", "dropout", "seed_init", "seed_order"]
    runs = pl.concat([each.select(*names, "loss") for each in tables], how="vertical_relaxed")
    runs = runs.with_columns(pl.col("draw").fill_null(0))
    runs = runs.unique(
        names, keep="first", maintain_order=True
    )  # the check of `beyond` is the table's run again
    runs = runs.filter(draw=0, batch_tokens=1024, weight_decay=0.1, dropout=0.0)
    return runs.with_columns(
        N=12 * pl.col("n_layers") * pl.col("d_model") ** 2,
        rate=(pl.col("peak_learning_rate") * pl.col("d_model") / RATE).round(2),
    )


def best_rates(runs: pl.DataFrame) -> pl.DataFrame:
    """For each place and number of layers the least of the mean losses of the rates tried."""
    means = runs.group_by(*PLACE, "n_layers", "rate").agg(pl.col("loss").mean(), runs=pl.len())
    means = means.sort("loss").group_by(*PLACE, "n_layers").agg(
        pl.col("loss", "rate", "runs").first(), rates=pl.len()
    )  # fmt: skip
    return means.sort(*PLACE, "n_layers")


def deep_beside_two(runs: pl.DataFrame) -> pl.DataFrame:
    """Two and eight layers at equal N, each at its best rate, and ln of their ratio with its error."""
    best = best_rates(runs)
    two, deep = best.filter(n_layers=2), best.filter(n_layers=8)
    return (
        two.join(deep, on=PLACE, suffix="_deep")
        .sort(*PLACE)
        .with_columns(
            more=(pl.col("loss_deep") / pl.col("loss")).log(),
            error=run_noise() * (1 / pl.col("runs") + 1 / pl.col("runs_deep")).sqrt(),
        )
    )


def run_noise() -> float:
    """Standard deviation of the log loss of a run between seeds, pooled over the cells of the table."""
    noise = measured_noise(annealed_rows(numeric_points(str(RESULTS / "points.parquet"))), CELL)
    return float(np.hypot(noise.run, noise.branch))


def of_depth() -> Rows:
    runs = depth_runs(*(read(name) for name in ("points", "beyond", "averaged_points", "depth")))
    repeated = runs.filter(pl.col("unique_tokens") < 2**20)
    both, plain = deep_beside_two(repeated), deep_beside_two(repeated.filter(rate=1.0))
    pairs = zip(both.iter_rows(named=True), plain.iter_rows(named=True), strict=True)
    rows = [("depth", _depth(each, own)) for each, own in pairs]
    rows += [("depth, mean", line) for line in (*_means(both), _range(plain))]
    rows += [("depth, passes", line) for line in _passes_to_two(repeated)]
    return [*rows, ("depth, noise", f"{run_noise():.1%} between seeds")]


def _means(both: pl.DataFrame) -> list[str]:
    """For each N the mean of the differences after a pass and more, and the range of all."""
    after = both.filter(pl.col("k") >= 1).group_by("N", maintain_order=True).agg(pl.col("more").mean())
    lines = [f"{count(n)}: {mean:+.1%}" for n, mean in after.iter_rows()]
    return [*lines, _range(both)]


def _range(both: pl.DataFrame) -> str:
    least, most = both.select(pl.col("more").min(), most=pl.col("more").max()).row(0)
    return f"from {least:+.1%} to {most:+.1%}"


def _depth(each: dict, plain: dict) -> str:
    """The row of a place: both losses at their best rates, and the difference, there and at the recipe's."""
    losses = (
        f"{each['loss' + end]:.3f} ({each['rate' + end]:g}, {each['rates' + end]})" for end in ("", "_deep")
    )
    more = (f"{of['more']:+.1%} ± {of['error']:.1%}" for of in (each, plain))
    seeds = f"{plain['runs']} and {plain['runs_deep']}"
    return row(count(each["N"]), count(each["unique_tokens"]), f"{each['k']:g}", *losses, *more, seeds)


def _passes_to_two(runs: pl.DataFrame) -> list[str]:
    """The passes that eight layers need to the loss of two layers after two passes."""
    lines = []
    for (n, unique), cells in best_rates(runs).group_by("N", "unique_tokens", maintain_order=True):
        two, deep = (cells.filter(n_layers=layers).sort("k") for layers in (2, 8))
        target = two.filter(k=2.0)["loss"].to_numpy()
        if len(deep) and len(target):
            found = first_below(deep["k"].to_numpy(), deep["loss"].to_numpy()[None], target)
            mark = "> " if np.isinf(found.high[0]) else ""
            lines.append(row(count(n), count(unique), f"{mark}{np.exp(found.low[0]):.2f}"))
    return lines


# 64 passes


def of_longer(bootstrap: int = 200) -> Rows:
    """Losses of up to 64 passes over 2^16 tokens, r_inf of up to 32 and of up to 64, and their ratio."""
    longer = read("longer")
    rows: Rows = [("longer", _longer(each)) for each in _by_k(longer).iter_rows(named=True)]
    surface = terminal(_with_table(longer), bootstrap, 0)
    settings = IntervalSettings.of_noise(0.95, surface.noise.freedom)
    fresh = first_pass(surface)
    for name, grid in (("plain", plain_grid(surface)), ("best decay", tuned_grid(surface))):
        cut = replace(grid, losses=np.where(grid.passes < CUT, grid.losses, np.nan))
        most = [reuse(each, fresh, 0).saturation for each in (cut, grid)]
        for n in np.flatnonzero(np.isfinite(grid.losses[0][..., grid.passes > CUT]).any(axis=(1, 2))):
            logs = [each.at((slice(None), int(n), int(np.argmin(grid.unique)))) for each in most]
            cells = [estimate(censored_row(settings, "r", each), "r") for each in logs]
            ratio = estimate_row(settings, {"r": np.exp(logs[1].value - logs[0].value)})
            rows.append(("longer, r_inf", row(count(grid.sizes[n]), name, *cells, estimate(ratio, "r"))))
    return rows


def _with_table(longer: pl.DataFrame) -> pl.DataFrame:
    """The longer runs, and the table's of these sizes; from 32 passes on only the longer, so that these k are
    all of the same seeds and U tokens."""
    sizes = longer["n_nonembedding"].unique().implode()
    points = read("points").filter(pl.col("n_nonembedding").is_in(sizes))
    points = points.filter((pl.col("unique_tokens") > 2**16) | (pl.col("epochs") < 31))
    shared = [name for name in points.columns if name in longer.columns]
    return pl.concat([each.select(shared) for each in (points, longer)], how="vertical_relaxed")


def _by_k(longer: pl.DataFrame) -> pl.DataFrame:
    keys = ("n_nonembedding", "weight_decay")
    means = held_out(longer).group_by(*keys, "k").agg(pl.col("loss").mean(), runs=pl.len())
    both = means.pivot("k", index=[*keys, "runs"], values="loss", sort_columns=True)
    return both.sort(keys)


def _longer(each: dict) -> str:
    losses = (f"{each[k]:.3f}" for k in ("32.0", "48.0", "64.0"))
    return row(count(each["n_nonembedding"]), f"{each['weight_decay']:g}", str(each["runs"]), *losses)


# Other authors

TEXTS = ("loss", "loss_on_others")
SHOWN = (0.5, 1.0, 4.0, 16.0)


def of_others() -> Rows:
    runs = held_out(read("others")).sort("n_nonembedding", "k")
    shown = runs.filter(pl.col("k").is_in(SHOWN))
    rows: Rows = [("others", _others(each)) for each in shown.iter_rows(named=True)]
    sizes, passes = (np.unique(runs[name].to_numpy()) for name in ("n_nonembedding", "k"))
    for (n,), own in runs.group_by("n_nonembedding", maintain_order=True):
        cells = [cell for text in TEXTS for cell in _gain(own, text)]
        rows.append(("others, gain", row(count(n), *cells, *(_k_rho(runs, n, text) for text in TEXTS))))
    same = sum(_order(runs, k, TEXTS[0]) == _order(runs, k, TEXTS[1]) for k in passes)
    rows.append(("others, order", f"{same} of {len(passes)} k, of {len(sizes)} sizes"))
    sharing = pl.read_csv(RESULTS / "sharing.csv")
    return rows + [("sharing", _sharing(each)) for each in sharing.iter_rows(named=True)]


def _others(each: dict) -> str:
    losses = [each[text] for text in TEXTS]
    return row(
        count(each["n_nonembedding"]),
        f"{each['k']:g}",
        *(f"{loss:.3f}" for loss in losses),
        f"{losses[1] - losses[0]:+.3f}",
    )


def _gain(own: pl.DataFrame, text: str) -> tuple[str, ...]:
    """What passes 2 to 4 and 5 to 16 lower the loss by, nats."""
    losses = dict(own.select("k", text).iter_rows())
    return f"{losses[1.0] - losses[4.0]:.3f}", f"{losses[4.0] - losses[16.0]:.3f}"


def _k_rho(runs: pl.DataFrame, n: object, text: str) -> str:
    """Passes to within 10% of the least loss of any size and k on this text."""
    own = runs.filter(n_nonembedding=n)
    target = np.array([(1 + RHO) * runs[text].min()])
    found = first_below(own["k"].to_numpy(), own[text].to_numpy()[None], target)
    return f"> {np.exp(found.low[0]):.2g}" if np.isinf(found.high[0]) else f"{np.exp(found.low[0]):.2g}"


def _order(runs: pl.DataFrame, k: float, text: str) -> list[int]:
    return runs.filter(k=k).sort(text)["n_nonembedding"].to_list()


def _sharing(each: dict) -> str:
    shares = (f"{each[name]:.0%}" for name in ("of_novels", "of_authors"))
    place = each["folder"], count(each["unique_tokens"])
    return row(*place, str(each["novels"]), str(each["authors"]), *shares)


# Ensembles


def of_averaged() -> Rows:
    """The floors of ensembles of the sizes trained, at each U, by the most passes that gave the least."""
    table = pl.concat([read("ensembles"), read("averaged")], how="diagonal_relaxed")
    rows = []
    for (unique, n), own in table.sort("unique_tokens", "n_nonembedding").group_by(
        "unique_tokens", "n_nonembedding", maintain_order=True
    ):
        floor = ensemble_floors(own, 0.95).row(0, named=True)
        whole = own.filter(pl.col("without").is_null())
        members = int(whole["members"].max())
        single, most = (whole.filter(members=each)["loss"].min() for each in (1, members))
        losses = (f"{single:.3f}", f"{most:.3f}")
        rows.append(
            ("averaged", row(count(unique), count(n), str(members), *losses, estimate(floor, "ensemble", 4)))
        )
    return rows


def answers() -> Rows:
    """The rows of the sets whose tables are there."""
    parts = {"depth": of_depth, "longer": of_longer, "others": of_others, "averaged": of_averaged}
    return [each for name, part in parts.items() if (RESULTS / f"{name}.parquet").exists() for each in part()]


if __name__ == "__main__":
    print(*(f"{what}: {words}" for what, words in answers()), sep="\n")
