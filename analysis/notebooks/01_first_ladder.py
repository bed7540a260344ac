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
# # Your first ladder
#
# Train one language model and you learn how good that model is. Train the same recipe at several sizes, a **ladder**, and you
# learn something more useful: how the loss *changes* with size, with text and with compute. When that change follows a simple
# curve, the curve is a **scaling law**, and it lets you plan a run you have not paid for yet.
#
# This notebook walks up a small ladder of byte-level models. Each cell is short. Change anything and run it again.

# %%
import os
from pathlib import Path

import altair as alt
import polars as pl
from IPython.display import Markdown

import quarry
from quarry import experiments
from quarry.analysis.report.figures.fits import residuals
from quarry.analysis.report.figures.runs import compute_curves
from quarry.analysis.report.figures.runs import learning_curves as draw_learning_curves
from quarry.analysis.points.curves import learning_curves, load_results
from quarry.analysis.points.frontier import budget_frontier
from quarry.text import count, interval, number

alt.renderers.enable("svg")
_ = pl.Config.set_tbl_rows(20)

# %% [markdown]
# The runs come from `make demo`, which leaves them in `runs/quickstart`. Set `QUARRY_RUNS` to look at your own instead. If
# there are no runs here yet, we read the small result tables that are kept with the source.

# %%
folder = Path(experiments.__file__).parent
runs = Path(os.environ.get("QUARRY_RUNS", folder.parent / "runs" / "quickstart"))
if not runs.exists() and "QUARRY_RUNS" not in os.environ:
    runs = folder / "results" / "quickstart"
points, training = load_results(runs)
print(f"{runs.name}: {points.height} evaluations, {training.height} logged training steps")

# %% [markdown]
# ## Five letters
#
# | | what it counts |
# |---|---|
# | **N** | parameters of the model, its embedding tables left out |
# | **U** | *unique* tokens: how much different text there is |
# | **E** | tokens *processed*: how much the model has read, repeats included |
# | **k** | epochs, E / U: how often it has read each piece of text |
# | **C** | compute. Reading one token forwards and backwards costs about 6 operations per parameter, so C = 6 N E |
#
# The letter D, common in papers, is avoided: some use it for U and some for E, and when text is repeated they differ.
#
# Here are the runs as they ended. A run that diverged would still be a row: a ladder with its failures hidden is not evidence.

# %%
ends = (
    points.filter(pl.col("split").is_null() | (pl.col("split") == "validation"))
    .sort("step")
    .group_by("study", "point", maintain_order=True)
    .last()
    .sort("n_nonembedding")
)
ends.select(
    "point", "status", "annealed", N="n_nonembedding", U="unique_tokens", E="tokens", k="epochs", C="flops_6ne", L="loss"
)

# %% [markdown]
# ## What a learning curve shows
#
# The **loss** is the average surprise of the model at each next token of text it has never trained on, in *nats*. A model that
# guesses evenly among 256 bytes has a loss of ln 256; lower is better; and there is a floor, because text is not entirely
# predictable.
#
# Each line below is one run; a dot of its own is a branch, a run that left another one's line to end there. Look for three things. Do the lines fall fast, then slowly? The easy structure is learned first. Do
# the larger models lie lower *at the same amount of text*? Then they get more out of each token. And is there a drop at the end
# of each line, where the learning rate is brought to zero? A point measured before that drop is not comparable with one measured
# after it, so every point carries a flag, `annealed`, and the fits below use annealed points only: the large dots.

# %%
curves = learning_curves(points)
draw_learning_curves(curves)

# %%
read = curves.filter(~pl.col("annealed")).group_by("E").len().sort("len", "E")["E"].last()
there = curves.filter(pl.col("E") == read).sort("N")
Markdown(
    f"After {count(read)} tokens the model with {count(there['N'].first())} parameters is at {there['loss'].first():.3f} nats per "
    f"token and the one with {count(there['N'].last())} at {there['loss'].last():.3f}."
)

# %% [markdown]
# ## The frontier: what a budget buys
#
# A larger model may learn more per token, but each token costs it more. Put compute on the horizontal axis and look again. For a
# small budget expect a small model to be ahead, because a large one has hardly read anything yet; as the budget grows, the small
# model runs out of capacity and a larger one passes below it.
#
# The dashed line is the lower convex hull of the annealed points: the least loss for the compute, the **compute frontier**. The size
# that is best at each budget, read off from left to right, is what a compute-optimal plan is made of.

# %%
frontier = budget_frontier(curves)
compute_curves(curves, frontier)

# %%
frontier.group_by("N", maintain_order=True).agg(cheapest=pl.col("C").min(), dearest=pl.col("C").max())

# %% [markdown]
# ## Fitting a law
#
# Now the end points alone. Kaplan and colleagues (2020) found that, with enough text, the loss falls as a power of size,
#
# $$L(N) = \left(\frac{N_c}{N}\right)^{\alpha_N}$$
#
# which is a straight line when both axes are logarithmic. The exponent $\alpha_N$ is what matters: it says how much a larger model
# helps. $N_c$ only sets the height, in units that mean little by themselves.
#
# Fitting finds the two numbers that miss the points by least. We measure the miss in the *logarithm* of the loss and let large
# misses count less than their square (the Huber loss), so that one odd run cannot drag the line away.

# %%
measured = quarry.load_points(runs / "points.parquet" if (runs / "points.parquet").exists() else runs)
kaplan = quarry.fit(measured, "kaplan-n", bootstrap=400, seed=0)
kaplan.plot()

# %%
alpha = kaplan.params["alpha_N"]
Markdown(
    f"$\\alpha_N$ = {number(alpha)}: ten times the parameters multiply the loss by {10**-alpha:.3f}, and doubling them by "
    f"{2**-alpha:.3f}."
)

# %% [markdown]
# ## What an interval means
#
# Another seed would have given slightly different points, and so a slightly different exponent. How different? We cannot
# retrain the ladder a thousand times, but we can imitate it: redraw the runs many times, refit each time, and see how far the
# answer moves. This is the **bootstrap**. The middle 95% of the answers make the interval, and the shaded band in the figure is
# the same idea applied to the whole line.
#
# The interval covers the luck of the draw. It does not cover being wrong about the *form* of the law, and it says less and less
# the further you extrapolate.

# %%
Markdown(f"The {kaplan.level:.0%} interval of $\\alpha_N$: {interval(kaplan.interval['alpha_N'])}.")

# %% [markdown]
# Residuals, what is left when the line is taken away, are where a wrong form shows. Scatter without a pattern is noise. A bend,
# low in the middle and high at the ends or the other way round, means that the straight line is not the whole story.

# %%
residuals(kaplan)

# %% [markdown]
# ## When the runs cannot say
#
# A power law that falls for ever promises a loss of zero, and text is not that predictable. So add a floor:
#
# $$L(N) = L_\infty + \left(\frac{x_0}{N}\right)^{\alpha}$$
#
# The floor $L_\infty$ is the loss of an infinitely large model trained on this much text. It lies beyond every run we have, so
# the points must reveal it by their curvature alone. A short ladder often cannot: many pairs of floor and exponent draw
# nearly the same line through the points. The honest answer is then not a number but a statement about which sides are open.

# %%
offset = quarry.fit(measured, "power-offset", x="N", bootstrap=400, seed=0)
offset.plot()

# %%
rows = "\n".join(
    f"| {name} | {offset.shown(name)} | {interval(offset.interval[name])} |" for name in offset.params
)
notes = "\n".join(f"- {warning}" for warning in offset.warnings)
Markdown(f"| parameter | value | interval |\n|---|---|---|\n{rows}\n\n{notes}")

# %% [markdown]
# Compare the two figures beyond the largest run, where the lines are dashed. Two laws that agree inside the data can part outside
# it, and that gap, not the width of either band, is the fair measure of how little a small ladder says about a large model.

# %%
largest = kaplan.points["N"].max()
rows = "\n".join(
    f"| {count(n)} | {kaplan.predict({'N': n}):.3f} | {offset.predict({'N': n}):.3f} |"
    for n in (largest / 10, largest, 10 * largest, 100 * largest)
)
Markdown(f"| N | {kaplan.law.name} | {offset.law.name} |\n|---|---|---|\n{rows}")

# %% [markdown]
# Every fit carries a list of the choices behind it. Published laws have disagreed for reasons that were all on such a list.

# %%
Markdown("\n".join(f"- **{name}**: {value}" for name, value in kaplan.checklist()))

# %% [markdown]
# ## What to try next
#
# - **Another seed.** Train one size three times. If the losses differ by as much as your residuals, you have met your noise.
# - **One more rung.** Predict the loss of a model four times the largest here, write the number down, then train it.
# - **Less text.** Give every size only a quarter of the unique tokens and let them repeat it. Do the large models need fewer
#   epochs than the small ones? That is the question this project is built around.
# - **Your own points.** `load_points` reads any CSV or Parquet file with the columns `N`, `loss` and `E`, whichever trainer made it.
# - **The whole picture.** `quarry report runs/quickstart -o report.html` puts all of this in one page to keep or share.
