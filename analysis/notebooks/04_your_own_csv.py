# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own CSV
#
# Fitting a law needs no trainer of ours. A table with a row for each loss and a column for size, tokens and loss is enough, and a
# spreadsheet can write it. This notebook takes such a table all the way: what its columns mean, what is left out and why, the fit,
# what the warnings look like, predictions to check it with, and a file to keep.
#
# Set `QUARRY_CSV` to the path of your table and run everything again. Without it we write an example, drawn from a known law, so that
# you can see how near the answers come.

# %%
import json
import os
import tempfile
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl
from IPython.display import Markdown

import quarry
from quarry.text import count, interval, number, power

alt.renderers.enable("svg")
_ = pl.Config.set_tbl_rows(20)
KNOWN = quarry.find_published("besiroglu")
TRUTH = KNOWN.params


def table(*rows):
    """Rows of a table as Markdown, the first its headings."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return Markdown("\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]))


# %% [markdown]
# ## A table from somewhere else
#
# The example has what tables from a trainer have: several sizes, each with several lengths of training; a few losses measured in the
# middle of a run; a run that diverged; a column with the standard deviation of each loss; columns that mean nothing to us.


# %%
def example_rows(rng):
    """Six sizes, each at 4 to 640 tokens per parameter, from a known law with .3% to .6% of noise."""
    rows = []
    for n in np.geomspace(2e7, 2e9, 6):
        for ratio in (4, 15, 50, 200, 640):
            loss = float(KNOWN.law.predict(TRUTH, {"N": n, "E": ratio * n}))
            sd = loss * (0.006 if ratio < 10 else 0.003)
            row = {
                "run": f"{count(n)}-{ratio}",
                "N": round(n),
                "D": round(ratio * n),
                "loss_sd": sd,
                "cluster": "blue",
            }
            rows.append(
                row | {"loss": loss + sd * rng.standard_normal(), "status": "finished", "annealed": True}
            )
    middle = rows[12] | {"D": rows[12]["D"] // 2, "loss": rows[12]["loss"] * 1.04, "annealed": False}
    diverged = rows[17] | {"run": "hot", "loss": 7.1, "status": "diverged", "annealed": False}
    return pl.DataFrame([*rows, middle, diverged])


csv = Path(os.environ["QUARRY_CSV"]) if "QUARRY_CSV" in os.environ else None
folder = Path(tempfile.mkdtemp())
known = csv is None
if csv is None:
    csv = folder / "points.csv"
    example_rows(np.random.default_rng(0)).write_csv(csv)
pl.read_csv(csv).tail(5)

# %% [markdown]
# ## What the columns mean
#
# | column | | if it is not there |
# |---|---|---|
# | `N` | parameters, counted as you like, but the same for all rows | needed |
# | `loss` | held-out loss, nats per token | needed |
# | `D` or `E` | tokens *processed*; the two names mean the same, so only one | E = C/6N |
# | `C` | FLOPs | C = 6NE |
# | `U` | *unique* tokens: give it where text is repeated | U = E, nothing is repeated |
# | `run` | losses of one run share their luck, and are drawn together | every row is a run of its own |
# | `status` | rows that are not `finished` are left out, and counted | all finished |
# | `annealed` | rows measured before the learning rate had decayed are left out | all are |
# | `split` | `validation` is fitted | no filter |
#
# Any other column stays in the table and can be used by name. A cell that is not a number, or not positive, is refused with its row:
# nothing is dropped in silence.

# %%
points = quarry.load_points(csv)
left_out = "".join(f"\n- {gone.n}: {gone.reason}" for gone in points.excluded) or " nothing."
Markdown(f"{len(points.table)} points of {points.table['run'].n_unique()} runs are left. Left out:{left_out}")

# %% [markdown]
# ## Leaving out, and holding out
#
# These are two different things. **Exclude** what should not be believed (a broken run, a size below the range you care for), and say
# so: the reason goes into the record of the fit. **Hold out** what should be believed *and predicted*: the most expensive runs, which the law
# is for. A law that was never asked to predict anything has not been tested.
#
# Conditions are `column op value`, joined by `and`.

# %%
table_of_points = points.table
smallest = f"N<{1.01 * table_of_points['N'].min():.4g} and E<{1.01 * table_of_points['E'].min():.4g}"
dearest = f"C>{table_of_points['C'].quantile(0.85):.4g}"
kept, held = points.exclude([smallest]).hold_out([dearest])
Markdown(
    f"`exclude({smallest!r})` and `hold_out({dearest!r})` leave {len(kept.table)} points to fit, and {len(held)} to predict."
)

# %% [markdown]
# ## The fit

# %%
law = quarry.fit(kept, "chinchilla", bootstrap=400)
law.plot()

# %%
truth = {name: number(TRUTH[name]) if known else "?" for name in law.params}
table(
    ("parameter", "value", f"{law.level:.0%} interval", "truth"),
    *((name, law.shown(name), interval(law.interval[name]), truth[name]) for name in law.params),
    *(
        (
            name,
            law.shown(name, 3),
            interval(law.derived_interval[name]),
            number(law.law.derive(TRUTH)[name], 3) if known else "?",
        )
        for name in law.derived
    ),
)

# %% [markdown]
# A and B look uncertain by large factors, and that is no fault. They are the loss of a model with *one* parameter or *one* token; the
# exponents, and above all the predictions, are what the points know. Judge a fit by its predictions, as in the next section.
#
# `law` alone shows the same table and every warning; `law.table()` has its rows. How far the points bound an exponent is its
# profile: the best fit at each of its values.

# %%
quarry.profile(law, "alpha").plot()

# %% [markdown]
# ## The prediction of what was held out
#
# The band is for *one new run*: it holds the uncertainty of the law and the noise between seeds, as the fitted points show it. Of
# 95% bands nineteen in twenty should hold; if far fewer do, the law has another form out there, or the expensive runs were made otherwise.

# %%
predicted = law.predictions(held).sort("C")
predicted.select("C", "N", "E", "loss", "predicted", "error", "low", "high")

# %%
inside = predicted.filter(pl.col("loss").is_between("low", "high"))
reach = held["C"].max() / kept.table["C"].max()
Markdown(
    f"{len(inside)} of {len(predicted)} lie inside their band, the largest error is {predicted['error'].abs().max():.2%}, and the "
    f"most expensive took {number(reach, 2)} times the compute of any fitted run."
)

# %% [markdown]
# ## Other choices
#
# Every choice below is defensible, and none should change what you conclude. If one does, the points do not decide, and the choice
# has to be reported.
#
# - `objective`: Huber terms of log loss (few large misses count little), squares of log loss, squares of loss.
# - `noise`: a column with the standard deviation of each loss, so that sure points count more.
# - `freeze`: a parameter held at a value known from elsewhere. What is left is better determined, *if* the value is right.
# - `resampling`: of runs (the default), of points, or of simulated noise. With one loss for each run the first two are the same.
# - `level`: of the intervals.

# %%
choices = {
    "as above": {},
    "objective='log'": {"objective": "log"},
    "objective='raw'": {"objective": "raw"},
    "freeze={'beta': …}": {"freeze": {"beta": TRUTH["beta"]}},
    "resampling='noise'": {"resampling": "noise"},
    "level=0.8": {"level": 0.8},
}
if "loss_sd" in kept.table.columns:
    choices["noise='loss_sd'"] = {"noise": "loss_sd"}
others = {
    words: law if not options else quarry.fit(kept, "chinchilla", bootstrap=200, **options)
    for words, options in choices.items()
}
table(
    ("choice", "L_inf", "alpha", "a", "interval of a", "error on what was held out"),
    *(
        (
            f"`{words}`",
            *(one.shown(name, 3) for name in ("L_inf", "alpha", "a")),
            interval(one.derived_interval.get("a", (None, None))),
            f"{one.predictions(held)['error'].abs().mean():.2%}",
        )
        for words, one in others.items()
    ),
)

# %% [markdown]
# ## Reading the warnings
#
# A fit always returns numbers if it can, and says beside them what is wrong with them. Here are the three designs that fail most
# often, made from the known law with 0.3% of noise, so that only the design is to blame.
#
# **Tokens in a fixed ratio to size.** The usual advice, 20 tokens per parameter, makes a good model and a useless ladder: N and E
# rise together, and no fit can tell which of them lowered the loss.
#
# **One size.** It says how the loss falls with tokens, and nothing about size.
#
# **Few runs.** As many parameters as runs: the law goes through every point, noise and all.


# %%
def design(pairs):
    """A table of N, E and loss from the known law."""
    n, tokens = np.array(pairs, float).T
    noise = np.exp(0.003 * np.random.default_rng(1).standard_normal(len(n)))
    return pl.DataFrame(
        {"N": n, "E": tokens, "loss": KNOWN.law.predict(TRUTH, {"N": n, "E": tokens}) * noise}
    )


def told(rows):
    """What a fit of Chinchilla's law says of a table: a, the warnings, or why it is refused."""
    try:
        one = quarry.fit(rows, "chinchilla", bootstrap=200)
    except quarry.FitError as refusal:
        return f"refused: {refusal}"
    a = f"a = {one.shown('a', 3)}, {interval(one.derived_interval.get('a', (None, None)))}"
    return a + "".join(f"<br>– {warning}" for warning in one.warnings)


sizes = np.geomspace(2e7, 2e9, 12)
designs = {
    "E = 20 N, 12 runs": [(n, 20 * n) for n in sizes],
    "one size, 12 runs": [(1e8, tokens) for tokens in np.geomspace(4e8, 1e11, 12)],
    "5 runs": [(n, ratio * n) for n, ratio in zip(sizes[::3], (5, 100, 20, 300), strict=True)] + [(1e8, 1e9)],
    "4 runs": [(n, ratio * n) for n, ratio in zip(sizes[::3], (5, 100, 20, 300), strict=True)],
    "a grid, 12 runs": [(n, ratio * n) for n in sizes[::3] for ratio in (5, 40, 320)],
}
table(("design", "what the fit says"), *((name, told(design(pairs))) for name, pairs in designs.items()))

# %% [markdown]
# The last design has as many runs as the first. What differs is that N and E vary separately.
#
# And the warnings of the fit to the table itself:

# %%
Markdown("\n".join(f"- {warning}" for warning in law.warnings) or "None.")

# %% [markdown]
# ## What follows from the law
#
# Anything that can be computed from the parameters gets an interval, by computing it from every bootstrap draw: here the best size
# for ten times the compute of the most expensive fitted run, and the loss to expect there.

# %%
budget = 10 * kept.table["C"].max()
try:
    best = quarry.allocate(kept, [budget], method="parametric", bootstrap=400)
    low, high = law.band({name: best.budgets[name][0] for name in "NE"}, new_run=True)
    expected = f"At {power(budget)} FLOPs {count(best.budgets['N'][0])} parameters are best, and 95 of 100 runs of that size would end at {interval((low, high))} nats per token."
except quarry.FitError as refusal:
    best, expected = None, f"No best size for {power(budget)} FLOPs: {refusal}"
Markdown(expected)

# %%
best.plot() if best else None

# %% [markdown]
# ## A record to keep
#
# The JSON holds parameters, intervals, every bootstrap draw, what was left out and why, and the warnings. `quarry plan --fit`
# reads it.
# The checklist is the same in words: what a reader needs to repeat the fit, or to doubt it.

# %%
saved = folder / "fit.json"
saved.write_text(json.dumps(law.to_json()))
print(", ".join(law.to_json()))

# %%
Markdown("\n".join(f"- **{name}**: {value}" for name, value in law.checklist()))

# %% [markdown]
# ## The same on the command line
#
# Nothing above needs Python. The first command repeats this notebook's fit; the others are variations.

# %%
noise = " --noise loss_sd" if "loss_sd" in kept.table.columns else ""
command = f"quarry fit {csv} --law chinchilla --exclude '{smallest}' --hold-out '{dearest}' --bootstrap 400 --json {saved}"
Markdown(
    "```sh\n"
    f"{command}\n"
    f"quarry fit {csv} --law chinchilla --objective log --level 0.8\n"
    f"quarry fit {csv} --law chinchilla --freeze beta={TRUTH['beta']}{noise}\n"
    f"quarry fit {csv} --law power-offset --x C\n"
    f"quarry plan --flops {budget:.3g} --fit {saved}\n"
    "```"
)

# %% [markdown]
# ## What to try next
#
# - **Another law.** `skaling` and `power-offset` read the same table; `data-constrained` and `epochs` need U as well.
# - **Fewer points.** Leave out half of the runs and see whether the intervals tell you that you did.
# - **The mid-schedule losses.** `load_points(csv, annealed_only=False)` keeps them. Compare a, and decide whether you still trust it.
