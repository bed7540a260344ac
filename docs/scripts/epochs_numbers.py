"""The numbers of docs/epochs.md, from the committed tables: python docs/scripts/epochs_numbers.py

Writes experiments/results/epochs/page.csv, a row for each passage that the page must contain word for word.
The tables choices.parquet and worlds.csv beside it are made by the commands in the page.
"""

import re
from pathlib import Path

import polars as pl

from quarry.analysis.epochs.choices import headlines
from quarry.analysis.epochs.elasticities import REGIMES
from quarry.analysis.epochs.predictions import with_measured
from quarry.analysis.epochs.result import Epochs
from quarry.analysis.epochs.study import study_epochs
from quarry.text import count, estimate

RESULTS = Path(__file__).resolve().parents[2] / "experiments" / "results" / "epochs"
LARGEST = 400_000
"""Just above the largest N of the table."""
BEST = "best tried"
"""The recipe `tuned` of the study: the best of the decays and dropouts tried, not a search."""
ONE_PASS, MEETS = "one pass", "the first pass meets the floor"


def study(bootstrap: int = 500) -> Epochs:
    """The study of the committed points."""
    averaged = pl.read_parquet(RESULTS / "ensembles.parquet")
    return study_epochs(RESULTS / "points.parquet", ensembles=averaged, bootstrap=bootstrap)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def two(*values: float | None) -> str:
    """An estimate with its interval, two decimals."""
    middle, low, high = ("–" if value is None else f"{value:.2f}" for value in values)
    return f"{middle} [{low}, {high}]"


def passages(found: Epochs) -> list[tuple[str, str]]:
    """(what, the words) of the study."""
    first, _, third, fourth = found.verdicts
    at_each = re.findall(r"\(([^()]* tokens)\)", first.words)
    tuned = found.laws.row(by_predicate=pl.col("quantity") == "r_inf - 1, tuned", named=True)
    rows = [
        ("verdicts", "; ".join(f"claim {n}: {each.holds}" for n, each in enumerate(found.verdicts, 1))),
        ("by ensembles", "; ".join(each.holds for each in found.ensemble_verdicts)),
        ("least b", two(first.estimate, *first.interval)),
        ("b to a common loss", at_each[0]),
        ("b to the floor", at_each[1]),
        ("a", two(third.estimate, *third.interval)),
        ("q", two(fourth.estimate, *fourth.interval)),
        ("q, best recipe", _best(two(*(-tuned["of_N" + end] for end in ("", "_high", "_low"))))),
        ("L_inf", two(*(found.irreducible[name] for name in ("L_inf", "L_inf_low", "L_inf_high")))),
    ]
    states = dict(found.states["state"].value_counts().iter_rows())
    reached = f"{states['reached']} of {len(found.states)} cells reached it"
    rows.append(
        ("states", f"{reached}, {states['out of reach']} are out of reach, {states['undecided']} undecided")
    )
    recipes = found.recipes.filter(pl.col("k") > 1)["recipes"]
    rows.append(("recipes", f"one in {(recipes == 1).sum()} of the {len(recipes)} cells"))
    rows += [("floor", _floor(each)) for each in found.floors.iter_rows(named=True)]
    rows += [("passes", line) for line in _passes(found)]
    rows += [("answer", _answer(each)) for each in found.answers.iter_rows(named=True)]
    rows += [("share", _share(each)) for each in found.shares.iter_rows(named=True)]
    rows += [("after k passes", line) for line in _fixed(found.fixed_passes)]
    rows += [("four small", _circuit(each)) for each in _shown(found.circuits).iter_rows(named=True)]
    rows += [("tokens saved", line) for line in _exchange(found.exchange)]
    return rows + _regimes(found.elasticities)


def _best(q: str) -> str:
    return f"{q} by the best decay or dropout tried, at one rate and (but for one cell) one batch"


def _recipe(name: object) -> str:
    return BEST if name == "tuned" else str(name)


def _floor(each: dict) -> str:
    single = estimate(each, "asymptote", 4)
    return row(count(each["U"]), estimate(each, "grid", 4), single, estimate(each, "ensemble", 4))


def _passes(found: Epochs) -> list[str]:
    criterion = found.passes["criterion"][0]
    table = found.passes.filter(criterion=criterion).sort("N", "U")
    state = {(each["N"], each["U"]): each["state"] for each in found.states.iter_rows(named=True)}
    marks = {"out of reach": ", out of reach", "undecided": ", perhaps out of reach"}
    lines = []
    for (n,), cells in table.group_by("N", maintain_order=True):
        shown = [
            estimate(each, "k", 2) + marks.get(state[n, each["U"]], "")
            for each in cells.iter_rows(named=True)
        ]
        lines.append(row(count(n), *shown))
    return lines


def _answer(each: dict) -> str:
    said = "at no size" if each["N"] is None else estimate(each, "N", 2)
    counts = "yes" if each["counts"] else f"no: {each['objection']}"
    return row(each["statement"], each["law"], said, f"{each['share']:.0%}", counts)


def _share(each: dict) -> str:
    terms = (
        two(*(each[name + end] for end in ("", "_low", "_high")))
        for name in ("total", "extraction", "own_least")
    )
    return row(_recipe(each["recipe"]), count(each["U"]), *terms)


def _fixed(table: pl.DataFrame) -> list[str]:
    lines = []
    for (recipe, k), cells in table.filter(pl.col("U") < 2e6).group_by("recipe", "k", maintain_order=True):
        slopes = {
            each["U"]: two(each["slope"], each["slope_low"], each["slope_high"])
            for each in cells.iter_rows(named=True)
        }
        lines.append(row(_recipe(recipe), f"{k:g}", *(slopes[u] for u in sorted(slopes))))
    return sorted(set(lines), key=lines.index)


def _shown(circuits: pl.DataFrame) -> pl.DataFrame:
    return circuits.filter(pl.col("k").is_in((1.0, 4.0, 16.0, 32.0)))


def _circuit(each: dict) -> str:
    losses = (f"{each[name]:.3f}" for name in ("one", "averaged", "larger"))
    shares = [each["share" + end] for end in ("", "_low", "_high")]
    share = "–" if shares[0] is None else two(*shares)
    above = (f"{each['above' + end]:+.3f}" for end in ("", "_low", "_high"))
    middle, low, high = above
    place = count(each["n"]), count(each["N"]), count(each["U"]), f"{each['k']:g}"
    return row(*place, *losses, share, f"{middle} [{low}, {high}]")


def _exchange(table: pl.DataFrame) -> list[str]:
    """A row for each two sizes, a column for each U; a bound as such."""
    return [
        row(
            f"{count(n)} to {count(larger)}",
            *(estimate(each, "saved", 2) for each in cells.iter_rows(named=True)),
        )
        for (n, larger), cells in table.sort("U").group_by("N", "N_larger", maintain_order=True)
    ]


def of_predictions(
    predicted: pl.DataFrame, measured: pl.DataFrame, kind: str = "beyond", batch: int = 1024
) -> list[tuple[str, str]]:
    """Of each law: for how many runs beyond the table it gave the loss within its interval, and its error.

    The law of the passes gives a bound instead. Of the `measured` points those at one batch count.
    """
    both = with_measured(predicted, measured.filter(batch_tokens=batch))
    lines = [
        (f"{kind}, {law}", _judged(str(law), rows))
        for (law,), rows in both.sort("law").group_by("law", maintain_order=True)
    ]
    cells = both.group_by("N", "U", "k").agg(pl.col("measured").first()).sort("U", "k", "N")
    return lines + [(kind, _beyond(each, both)) for each in cells.iter_rows(named=True)]


def of_larger(predicted: pl.DataFrame, measured: pl.DataFrame) -> list[tuple[str, str]]:
    """The errors of the surface with a coupling at sizes larger than the table's."""
    both = with_measured(predicted, measured.filter(batch_tokens=1024))
    larger = both.filter(pl.col("N") > LARGEST, law="epochs (coupling, reuse)")
    errors = (larger["loss"] / larger["measured"] - 1).abs()
    said = f"mean absolute error is {errors.mean():.1%}, the largest {errors.max():.1%}"
    return [("beyond, larger", said)]


def on_gpu() -> list[tuple[str, str]]:
    """The same of the runs on a GPU."""
    predicted = pl.read_csv(RESULTS / "predictions_gpu.csv")
    return of_predictions(predicted, pl.read_parquet(RESULTS / "beyond_gpu.parquet"), "gpu", 2048)


def of_small_batches(measured: pl.DataFrame) -> list[tuple[str, str]]:
    """The losses beyond the table by the smaller batch, beside those of the table's recipe."""
    annealed = measured.filter("annealed", split="validation").with_columns(
        k=pl.col("epochs").round_sig_figs(3)
    )
    keys = ["n_nonembedding", "unique_tokens", "k"]
    both = annealed.filter(pl.col("batch_tokens") < 1024).join(
        annealed.filter(batch_tokens=1024).select(*keys, large="loss"), on=keys, how="inner"
    )
    return [
        (
            "beyond, small batch",
            row(
                *(count(each[name]) for name in keys[:2]),
                f"{each['k']:g}",
                *(
                    f"{each[name]:{form}}"
                    for name, form in (("large", ".3f"), ("batch_tokens", "d"), ("loss", ".3f"))
                ),
            ),
        )
        for each in both.sort("unique_tokens", "n_nonembedding", "k").iter_rows(named=True)
    ]


def _judged(law: str, rows: pl.DataFrame) -> str:
    """The row of a law: runs, inside its interval (or as bounded), mean error."""
    low, high = pl.col("loss_low"), pl.col("loss_high")
    bound = pl.when(relation="at most").then(pl.col("measured") <= high)
    inside = (
        bound.when(relation="above")
        .then(pl.col("measured") > low)
        .otherwise(pl.col("measured").is_between(low, high))
    )
    held = int(rows.select(inside.sum()).item())
    error = rows.filter(relation="equal").select((pl.col("loss") / pl.col("measured") - 1).mean()).item()
    return row(law, str(len(rows)), str(held), "–" if error is None else f"{error:+.1%}")


def _beyond(each: dict, both: pl.DataFrame) -> str:
    """The row of a run: what two surfaces, two forms of the gap and the withdrawn law had said; the loss."""
    cell = both.filter(N=each["N"], U=each["U"], k=each["k"])
    said = {law["law"]: law for law in cell.iter_rows(named=True)}
    shown = []
    for name in ("epochs (coupling, reuse)", "data-constrained", "gap, remainder", "gap, steeper"):
        law = said.get(name)
        shown.append("–" if law is None else two(*(law["loss" + end] for end in ("", "_low", "_high"))))
    withdrawn = said["k ~ N^-b U^c"]
    shown.append(f"{withdrawn['relation']} {withdrawn['loss']:.2f} ({withdrawn['share']:.0%})")
    return row(count(each["N"]), count(each["U"]), f"{each['k']:g}", *shown, f"{each['measured']:.3f}")


def _regimes(table: pl.DataFrame) -> list[tuple[str, str]]:
    only = table.filter(pl.col("only_data") >= 0.975)
    counted = dict(table["regime"].value_counts().iter_rows())
    named = ", ".join(f"{counted.get(name, 0)} {name}" for name in (*REGIMES.values(), "mixed"))
    cell = table.filter(k=4.0, U=262144.0).sort("N").row(-1, named=True)
    gains = (
        f"{cell['gain_U']:.2f} nats per e-fold of U, {cell['gain_k']:.2f} of k and {cell['gain_N']:.2f} of N"
    )
    return [("regimes", named), ("only data", f"in {len(only)} of {len(table)} cells"), ("gains", gains)]


def of_choices(choices: pl.DataFrame) -> list[tuple[str, str]]:
    """Of each claim the admissible choices and its verdicts in them; by law for claim 2."""
    shown = ("choices", "yes", "undecided", "no")
    rows = [
        ("choices", row(str(each["claim"]), *(str(each[name]) for name in shown)))
        for each in headlines(choices).iter_rows(named=True)
    ]
    return [*rows, ("judged", f"{len(choices):,} combinations")]


def of_worlds(worlds: pl.DataFrame) -> list[tuple[str, str]]:
    """Of each world the truth of each claim and the verdicts yes / undecided / no."""
    rows = []
    for (world,), claims in worlds.group_by("world", maintain_order=True):
        cells = []
        for each in claims.iter_rows(named=True):
            open_ones = each["undecided"] + each["not measured"]
            cells.append(f"{str(each['truth']).lower()}: {each['yes']}/{open_ones}/{each['no']}")
        rows.append(("world", row(str(world), *cells)))
    return rows


if __name__ == "__main__":
    rows = passages(study())
    rows += of_choices(pl.read_parquet(RESULTS / "choices.parquet"))
    rows += of_worlds(pl.read_csv(RESULTS / "worlds.csv"))
    if (RESULTS / "beyond.parquet").exists():
        predicted = pl.read_csv(RESULTS / "predictions.csv")
        beyond = pl.read_parquet(RESULTS / "beyond.parquet")
        rows += of_predictions(predicted, beyond) + of_small_batches(beyond) + of_larger(predicted, beyond)
    from epochs_answers import answers  # beside this file, which is a module of no package
    from epochs_tuned import of_tuned

    rows += of_tuned(*(pl.read_parquet(RESULTS / f"{name}.parquet") for name in ("tuned", "points")))
    rows += on_gpu() + answers()
    pl.DataFrame(rows, schema=["what", "words"], orient="row").write_csv(RESULTS / "page.csv")
    print(*(f"{what}: {words}" for what, words in rows), sep="\n")
