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
# # Chinchilla, three ways
#
# You have C operations to spend. A larger model learns more from each token, but then you can afford fewer of them. Where is the
# best split? Write it as N_opt ∝ C^a. In 2020 Kaplan answered a = .73: put it into the model. In 2022 Hoffmann and colleagues
# answered a = .5 (arXiv 2203.15556): let model and data grow alike. They found it in three ways, which nearly agreed, and the third way
# was later shown to be wrong in its details (Besiroglu 2024, arXiv 2404.10102).
#
# This notebook answers the question in the same three ways on one set of points, and each time asks: how sure?

# %%
import os
from itertools import product
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl
from IPython.display import Markdown, display
from scipy.optimize import minimize

from quarry.analysis.report.figures.fits import parity, residuals
from quarry import fit, load_points
from quarry.analysis.allocation.envelope import fit_envelope
from quarry.analysis.report.figures.allocation import compute_optimal, isoflop_curves
from quarry.analysis.report.figures.parts import axis, finished
from quarry.analysis.allocation.isoflop import fit_isoflop
from quarry.analysis.laws.chinchilla import CHINCHILLA, chinchilla_optimum
from quarry.analysis.allocation.budgets import with_sizes
from quarry.analysis.fitting.profiles.likelihood import profile
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import APPROACHES, CHINCHILLA_PLANS, TRENDS
from quarry.text import count, interval, number, power
from quarry.analysis.report.figures.theme import INK

alt.renderers.enable("svg")
_ = pl.Config.set_tbl_rows(20)


def table(*rows):
    """Rows of a table as Markdown, the first its headings."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return Markdown("\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]))


# %% [markdown]
# ## The points
#
# Hoffmann's losses were never published. Besiroglu read them off a figure of the paper, and 234 of these readings circulate as a
# table of C, N, D and loss. Name the folder that holds `chinchilla_234.csv` in the environment variable `QUARRY_PUBLISHED`, or in
# the first line below; any other CSV with N, loss and D will do as well.

# %%
FOLDER = os.environ.get("QUARRY_PUBLISHED")
csv = Path(FOLDER) / "chinchilla_234.csv" if FOLDER else None
besiroglu = PUBLISHED["besiroglu"].params


def synthetic_points():
    """Runs of 13 sizes at 9 budgets, with losses from Besiroglu's law and 0.4% of noise."""
    rng = np.random.default_rng(0)
    n, flops = (grid.ravel() for grid in np.meshgrid(np.geomspace(5e7, 1.6e10, 13), np.geomspace(6e18, 3e21, 9)))
    tokens = flops / (6 * n)
    loss = CHINCHILLA.predict(besiroglu, {"N": n, "E": tokens}) * np.exp(0.004 * rng.standard_normal(len(n)))
    rows = pl.DataFrame({"run": [f"run {i}" for i in range(len(n))], "N": n, "E": tokens, "C": flops, "loss": loss})
    return rows.filter(pl.col("E") / pl.col("N") > 1, pl.col("E") / pl.col("N") < 400)


real = csv is not None and csv.exists()
whose = "these points" if real else "SYNTHETIC points"
points = load_points(csv).table if real else synthetic_points()
if real:
    source = f"{len(points)} published points, from {csv.name}"
else:
    source = f"**{len(points)} SYNTHETIC points**"
    display(
        Markdown(
            "> **These are NOT Hoffmann's runs.** No table of published points was found, so the points below are *drawn from "
            "Besiroglu's law with made-up noise*. Everything runs, and the methods can be compared, for here the truth is known: "
            f"a = {besiroglu['beta'] / (besiroglu['alpha'] + besiroglu['beta']):.4f}. But nothing below is evidence about language "
            "models."
        )
    )
Markdown(
    f"{source}: N {count(points['N'].min())} to {count(points['N'].max())}, E {count(points['E'].min())} to "
    f"{count(points['E'].max())}, C {power(points['C'].min())} to {power(points['C'].max())} FLOPs."
)

# %% [markdown]
# Look at where the points lie before fitting anything. Points along one diagonal have one budget; along one vertical line, one size.
# The three ways use this plane differently: the first moves along sizes, the second along budgets, the third uses it all at once.

# %%
plane = alt.Chart(alt.InlineData(values=points.select("N", "E", "loss").to_dicts())).mark_circle(size=45, opacity=0.9)
plane = plane.encode(
    x=alt.X("N:Q", **axis(points["N"].to_list(), "N", count)),
    y=alt.Y("E:Q", **axis(points["E"].to_list(), "E", count)),
    color=alt.Color("loss:Q", title="loss", scale=alt.Scale(scheme="plasma"), legend=alt.Legend(gradientLength=200)),
)
finished([plane], "Where the runs are", "colour: the loss, in nats per token")

# %% [markdown]
# ## Approach 1: the envelope
#
# Plot the loss of every run against its compute and take the lower hull. As C grows the hull passes from each size to a larger one;
# the place where it passes is the budget at which the two are equally good. A straight line through these places, in logarithms,
# has the slope a.
#
# It needs no law, and it wastes nearly everything: only the few runs on the hull count. (Hoffmann had whole learning curves here;
# a table of end points, several for each size, is the coarse version of that.)

# %%
first = fit_envelope(points, bootstrap=400)
compute_optimal(first.trend, first.handovers)

# %%
notes = "".join(f"\n- {warning}" for warning in first.trend.warnings) or " none."
Markdown(
    f"{len(first.handovers)} places, {first.handovers['bounded'].sum()} of them usable: a = {number(first.trend.a, 3)}, "
    f"{first.trend.level:.0%} interval {interval(first.trend.a_interval)}. Warnings:{notes}"
)

# %% [markdown]
# ## Approach 2: isoFLOP curves
#
# Take the runs of one budget. Small models at that budget have read much, large ones little, and in between the loss is least. Find
# that minimum at every budget, and draw the line through the minima.
#
# Between the sizes that were trained the loss must be interpolated, and the way matters. Akima's spline goes through every point and
# assumes no law, but follows the noise. A parabola averages the noise away, but a loss curve is *not* a parabola: where α and β
# differ, its sides differ. A budget whose minimum is not enclosed by its sizes is refused, never extrapolated.

# %%
second = fit_isoflop(points, method="akima", bootstrap=400)
parabola = fit_isoflop(points, method="parabola", bootstrap=400)
isoflop_curves(second)

# %%
table(
    ("interpolation", "budgets used", "refused", "a", f"{second.trend.level:.0%} interval"),
    *(
        (one.method, len(one.budgets), len(one.refused), number(one.trend.a, 3), interval(one.trend.a_interval))
        for one in (second, parabola)
    ),
)

# %%
Markdown(
    "\n".join(f"- {one.method}: {warning}" for one in (second, parabola) for warning in one.trend.warnings) or "No warnings."
)

# %% [markdown]
# How large is the parabola's bias? We can measure it where the truth is known: losses computed from a law, without noise, seven
# sizes around the optimum of each budget, in grids of growing width.


# %%
def worst_error(params, method, width):
    """The largest error of N_opt over four budgets, for sizes from 1/width to width times the optimum, without noise."""
    flops = np.repeat(np.geomspace(1e19, 1e22, 4), 7)
    n = chinchilla_optimum(params, flops)[0] * np.tile(np.geomspace(1 / width, width, 7), 4) * 1.1
    loss = CHINCHILLA.predict(params, {"N": n, "E": flops / (6 * n)})
    found = fit_isoflop(pl.DataFrame({"N": n, "C": flops, "loss": loss}), method=method, bootstrap=0).budgets
    truth = chinchilla_optimum(params, found["C"].to_numpy())[0]
    return np.abs(found["N"].to_numpy() / truth - 1).max()


hoffmann = PUBLISHED["hoffmann"].params
laws = {"besiroglu": besiroglu, "hoffmann": hoffmann}
table(
    ("sizes within a factor of", *(f"{method}, {name}" for name in laws for method in ("akima", "parabola"))),
    *(
        (width, *(f"{worst_error(law, method, width):.1%}" for law in laws.values() for method in ("akima", "parabola")))
        for width in (2, 4, 8, 16)
    ),
)

# %% [markdown]
# The error of N_opt for two published laws. Nothing here is noise. In Besiroglu's α and β are nearly equal and a parabola does well
# enough; in Hoffmann's they are not. Note that an interval from resampling cannot see this error: all resamples share it.

# %% [markdown]
# ## Approach 3: a law
#
# Now assume the form of the whole surface,
#
# $$L(N, E) = L_\infty + \frac{A}{N^\alpha} + \frac{B}{E^\beta}$$
#
# fit its five numbers to all points at once, and compute the optimum: a = β/(α + β). It uses every run, so its interval can be
# narrow. That is worth as much as the form is.

# %%
third = fit(points, "chinchilla", bootstrap=400)
parity(third)

# %%
bounds = {"a": third.derived_interval["a"]} | third.interval
error = PUBLISHED["besiroglu"].standard_error
table(
    ("", "these points", f"{third.level:.0%} interval", "Besiroglu, ± standard error", "Hoffmann"),
    *(
        (
            name,
            third.shown(name),
            interval(bounds[name]),
            f"{number(besiroglu[name])} ± {error[name]:g}",
            number(hoffmann[name]),
        )
        for name in third.params
    ),
    (
        "a",
        third.shown("a"),
        interval(bounds["a"]),
        number(besiroglu["beta"] / (besiroglu["alpha"] + besiroglu["beta"])),
        number(hoffmann["beta"] / (hoffmann["alpha"] + hoffmann["beta"])),
    ),
)

# %%
statuses = ", ".join(
    f"{PUBLISHED[name].source.split(' (')[0]}: {PUBLISHED[name].status}" for name in ("besiroglu", "hoffmann")
)
notes = "".join(f"\n- {warning}" for warning in third.warnings) or " none."
Markdown(f"How sure we are of the published numbers themselves: {statuses}. Warnings of our fit:{notes}")

# %% [markdown]
# ### What went wrong in 2022
#
# Besiroglu and colleagues refitted the points and could not get the published numbers. Three things came out. All three can be
# repeated.
#
# **1. The optimiser stopped early.** Hoffmann's objective is a Huber loss of log loss, *averaged* over the points, and a general
# optimiser stops when the objective changes by less than some fixed amount. An average over hundreds of points is hundreds of times
# smaller than the sum, so it stops while it still has far to go. Below, the same starts, the same objective, the same L-BFGS with its
# default settings; only once summed and once averaged.

# %%
log_n, log_e, log_loss = (np.log(points[name].to_numpy()) for name in ("N", "E", "loss"))
DELTA = 1e-3


def huber(theta, weight):
    """The objective times `weight`, with its gradient; theta is (log L_inf, log A, log B, alpha, beta)."""
    e, a, b, alpha, beta = theta
    terms = np.stack([np.full_like(log_n, e), a - alpha * log_n, b - beta * log_e])
    predicted = np.logaddexp.reduce(terms)
    share = np.exp(terms - predicted)
    residual = predicted - log_loss
    inside = np.minimum(np.abs(residual), DELTA)
    slope = np.clip(residual, -DELTA, DELTA) * share
    gradient = [*slope.sum(axis=1), -(slope[1] * log_n).sum(), -(slope[2] * log_e).sum()]
    return weight * (inside * (np.abs(residual) - inside / 2)).sum(), weight * np.array(gradient)


def best_of_starts(weight):
    """The best of the stops of L-BFGS from a part of Hoffmann's grid, and how much they spread."""
    grid = product((0,), (0, 10), (0, 10), (0, 0.5, 1), (0, 0.5, 1))
    found = [minimize(huber, start, args=(weight,), jac=True, method="L-BFGS-B") for start in grid]
    return min(found, key=lambda one: one.fun), np.array([one.fun / weight for one in found])


rows = []
for name, weight in (("summed", 1.0), ("averaged", 1 / len(points))):
    stop, reached = best_of_starts(weight)
    law = dict(zip(CHINCHILLA.parameter_names, [*np.exp(stop.x[:3]), *stop.x[3:]], strict=True))
    near = float((reached < third.objective * 1.01).mean())
    rows.append(
        (
            name,
            number(stop.fun / weight),
            *(number(v, 3) for v in law.values()),
            number(CHINCHILLA.derive(law)["a"], 3),
            f"{near:.0%}",
        )
    )
rows.append(
    ("our search", number(third.objective), *(third.shown(name, 3) for name in (*third.params, "a")), "")
)
table(("objective", "sum reached", *CHINCHILLA.parameter_names, "a", "starts within 1%"), *rows)

# %% [markdown]
# All of them are the *same* objective, and the second column compares them on one scale. What separates the rows is not the data and
# not the law, but the moment at which a loop ended. That is why every fit here reports how many of its starts agree.

# %%
Markdown(
    f"Of our {third.diagnostics.n_starts:,} starts {third.diagnostics.n_starts_agreeing:,} reached the best objective, and "
    f"{len(third.diagnostics.other_minima)} other minima were found."
)

# %% [markdown]
# **2. Rounding.** The exponents were printed as .34 and .28; before rounding they were .3392 and .2849. Two digits seem enough, until
# one extrapolates. Here is the number of tokens per parameter at Chinchilla's own budget.

# %%
budget = 5.76e23
laws = {
    "Hoffmann, as printed": PUBLISHED["hoffmann-rounded"].params,
    "Hoffmann, before rounding": hoffmann,
    "Besiroglu": besiroglu,
}


def tokens_per_parameter(q):
    n, tokens = chinchilla_optimum(q, budget)
    return tokens / n


own, own_bounds = third.quantity(tokens_per_parameter)
inputs = {name: points[name].to_numpy() for name in "NE"}
gap = {name: f"{np.median(log_loss - np.log(CHINCHILLA.predict(law, inputs))):+.2%}" for name, law in laws.items()}
table(
    ("law", "N_opt", "E_opt", "E/N", "median of measured over predicted loss"),
    *(
        (name, *(count(v) for v in chinchilla_optimum(law, budget)), f"{tokens_per_parameter(law):.0f}", gap[name])
        for name, law in laws.items()
    ),
    (
        "Chinchilla's own plan",
        *(count(v) for v in CHINCHILLA_PLANS[-1]),
        f"{CHINCHILLA_PLANS[-1][1] / CHINCHILLA_PLANS[-1][0]:.0f}",
        "–",
    ),
    (
        "these points",
        *(count(v) for v in chinchilla_optimum(third.params, budget)),
        f"{own:.0f} ({interval(own_bounds)})",
        "–",
    ),
)

# %% [markdown]
# Chinchilla itself followed the first two approaches. The paper's own third approach, as printed, asks for several times as many
# tokens per parameter: its three ways did *not* agree. The last column shows which of the laws describe the points at all.
#
# **3. An interval that is too narrow to be true.** Hoffmann's third approach gives a to within .454 to .455. An interval shrinks
# with the square root of the number of runs, so we can say how many runs that width would take.

# %%
printed = APPROACHES["parametric"]
drawn = third.draws["beta"] / (third.draws["alpha"] + third.draws["beta"])
eighty = np.quantile(drawn, [0.1, 0.9])
width, claimed = eighty[1] - eighty[0], printed.a_interval[1] - printed.a_interval[0]
needed = len(points) * (width / claimed) ** 2
Markdown(
    f"Our 80% interval of a, from {len(points)} points, is {interval(eighty)}: {width:.3f} wide. "
    f"The printed one is {claimed:.3f} wide. "
    f"So narrow an interval would take about {count(needed)} runs; Hoffmann had some 400. "
    + (
        ""
        if printed.a_interval[0] <= printed.a <= printed.a_interval[1]
        else f"It does not even hold the {printed.a} beside it."
    )
)

# %% [markdown]
# ## Which interval?
#
# An interval answers the question: how else could the points have come out? Resampling *points* supposes that each is an
# independent draw. If points share a run, a seed, or, as here perhaps, the set-up of one size, what was drawn is the group, and the
# group should be resampled. The profile likelihood is another way altogether: hold a at a value, refit everything else, and see how
# far the objective rises. Its limits need no draws.

# %%
by_size = with_sizes(points.drop("size", strict=False)).with_columns(run=pl.format("size {}", "size"))
clustered = fit(by_size, "chinchilla", bootstrap=400)
shape = profile(third, "a", points=24)
line = (
    alt.Chart(alt.InlineData(values=shape.table().to_dicts()))
    .mark_line(color=INK, point=alt.OverlayMarkDef(color=INK))
    .encode(
        x=alt.X("value:Q", title="a", scale=alt.Scale(zero=False)),
        y=alt.Y("excess:Q", title="objective above its minimum", axis=alt.Axis(format=".0e", tickCount=4)),
    )
)
limit = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, strokeDash=[5, 4]).encode(y=alt.datum(shape.threshold))
finished([line, limit], "The profile of a", f"below the dashed line: the {shape.level:.0%} region", height=240)

# %%
ways = {
    "bootstrap by point": third.derived_interval["a"],
    "bootstrap by size": clustered.derived_interval["a"],
    "profile likelihood": shape.interval,
}
table(
    ("way", f"{third.level:.0%} interval of a", "width"),
    *((name, interval(ends), f"{ends[1] - ends[0]:.3f}") for name, ends in ways.items()),
)

# %% [markdown]
# ## Is the form right?
#
# A fit finds the best member of a family, however bad the family. Two ways to doubt it. The first: what is left over. Residuals that
# curve with N or with E are something the law has missed.

# %%
residuals(third, "N")

# %%
residuals(third, "E")

# %%
misfit = third.diagnostics.misfit
Markdown(
    f"A score test of that curvature gives a probability of {number(misfit.probability, 2)} if the law were right, and a curvature "
    f"of {misfit.size:.2%} of the loss."
    if misfit
    else "There are too few runs to test the residuals for curvature."
)

# %% [markdown]
# The second: a larger family that contains this one. **Skaling** (arXiv 2608.07222, from a secondary source) puts a power around the
# sum, L = L_inf + (A/N^α + B/E^β)^κ. With κ = 1 it is Chinchilla's law; with L_inf = 0 and β = 1 it is Kaplan's L(N, D). So the points can
# choose.

# %%
wider = fit(points, "skaling", bootstrap=200)
table(
    ("law", "objective", "a", "L_inf", "κ", "error on the largest runs, fitted without them"),
    *(
        (
            one.law.name,
            number(one.objective),
            f"{one.shown('a', 3)} ({interval(one.derived_interval['a'])})",
            f"{one.shown('L_inf', 3)} ({interval(one.interval['L_inf'])})",
            f"{one.shown('kappa', 3)} ({interval(one.interval['kappa'])})" if "kappa" in one.params else "1, fixed",
            f"{one.diagnostics.held_out_error:.2%}",
        )
        for one in (third, wider)
    ),
)

# %%
low, high = wider.interval["kappa"]
inside = (low is None or low <= 1) and (high is None or high >= 1)
gain = 1 - wider.objective / third.objective
errors = [one.diagnostics.held_out_error for one in (third, wider)]
verdict = "better" if errors[1] < 0.9 * errors[0] else "worse" if errors[1] > 1.1 * errors[0] else "as well"
Markdown(
    f"The further parameter lowers the objective by {gain:.1%}, and its interval {'holds' if inside else 'does not hold'} 1. On the "
    f"largest runs, which is what a law is for, it predicts {verdict}{' as Chinchilla' if verdict == 'as well' else ''}. "
    f"Between the two laws a moves by {abs(wider.derived['a'] - third.derived['a']):.3f} "
    f"and α by {abs(wider.params['alpha'] - third.params['alpha']):.3f}: "
    "the best split can be better known than the law."
)

# %% [markdown]
# ## The three ways together
#
# The question was a. Here is every answer, with its interval: ours at 95%, Hoffmann's at the 80% that the paper prints. Kaplan's .73
# stands at the right.

# %%
answers = [
    ("envelope", first.trend.a, first.trend.a_interval, whose),
    ("isoFLOP, Akima", second.trend.a, second.trend.a_interval, whose),
    ("isoFLOP, parabola", parabola.trend.a, parabola.trend.a_interval, whose),
    ("chinchilla", third.derived["a"], third.derived_interval["a"], whose),
    ("chinchilla, by size", clustered.derived["a"], clustered.derived_interval["a"], whose),
    ("skaling", wider.derived["a"], wider.derived_interval["a"], whose),
    *((f"Hoffmann, {one.name}", one.a, one.a_interval, "published") for one in APPROACHES.values()),
    ("Kaplan, Table 6", TRENDS["kaplan-n-opt"].exponent, (None, None), "published"),
]
answer_rows = [{"way": way, "a": a, "low": ends[0], "high": ends[1], "from": origin} for way, a, ends, origin in answers]
base = alt.Chart(alt.InlineData(values=answer_rows)).encode(
    y=alt.Y("way:N", sort=[way for way, *_ in answers], title=None, axis=alt.Axis(labelLimit=220)),
    color=alt.Color("from:N", title=None, scale=alt.Scale(domain=[whose, "published"], range=[INK, "#c2497b"])),
)
spans = base.mark_rule(strokeWidth=2.5).encode(
    x=alt.X("low:Q", title="a, of N_opt ~ C^a", scale=alt.Scale(zero=False)), x2="high:Q"
)
dots = base.mark_circle(size=90, opacity=1).encode(x="a:Q")
finished([spans, dots], "How should the model grow with compute?", "dots: a; lines: 95% intervals, published ones 80%")

# %%
table(
    ("way", "a", "interval"),
    *((way, f"{a:.3f}", interval(ends) if ends != (None, None) else "–") for way, a, ends, _ in answers),
)

# %% [markdown]
# ## What to take away
#
# - a near one half is about as sure as anything in this field: ways that share nothing but the points agree on it.
# - The intervals of different ways have different widths because they assume different amounts. A narrow one is not for that a good
#   one.
# - A number that is extrapolated (tokens per parameter, at a budget beyond all runs) needs its own interval and its own digits.
# - The form of the law is rejected or accepted by residuals, not by the smallness of its intervals.
#
# The next step is your own table: the notebook `04_your_own_csv` reads any.
