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
# # Kaplan 2020, redrawn
#
# In January 2020 Kaplan and colleagues (arXiv 2001.08361) reported that the loss of a language model falls as a power of its
# size, of its data and of its compute, over many orders of magnitude. Much of that paper is the working out of a few fitted
# constants. This notebook works it out again, and sets beside it what a ladder of small runs can say about the same questions.
#
# Two kinds of figure follow, and they must not be confused. A line drawn from **published constants** is a consequence of them,
# not a measurement: it cannot fail. A figure of **our runs** has dots, intervals and warnings.
#
# Losses are nats per token, logarithms are natural. N leaves out the embedding tables; U counts unique tokens (the paper's D), E
# tokens processed. The paper counts compute in petaflop/s-days; here it is in FLOPs throughout.

# %%
import os
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl
from IPython.display import Markdown

from quarry import experiments
from quarry.analysis.report.figures.fits import fitted_law
from quarry import fit, load_points
from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.report.figures import kaplan as kaplan_figures
from quarry.analysis.report.figures import kaplan_training as training_figures
from quarry.analysis.laws.kaplan_frontier import compute_exponent, compute_scale, convergence_ratios, excess_compute, excess_steps, optimal_size, optimal_steps, stopping_fraction, tokens_over_infinite_size
from quarry.analysis.laws.kaplan_overfitting import data_for, overfitting, tokens_by_rule
from quarry.analysis.laws.kaplan import CONTEXT
from quarry.analysis.laws.formulas import plain
from quarry.analysis.crossing.known_laws import Crossing, naive_crossing
from quarry.analysis.laws.published import PF_DAY, PUBLISHED
from quarry.analysis.laws.published_trends import TRENDS
from quarry.text import count, interval, number, power

alt.renderers.enable("svg")
_ = pl.Config.set_tbl_rows(20)


def table(*rows):
    """Rows of a table as Markdown, the first its headings."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return Markdown("\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]))


# %% [markdown]
# ## The constants, and where they are from
#
# Everything below that is not ours comes from this table. The last column says how sure we are of the numbers themselves: here all
# were read in the paper.
#
# Notice that α_N and N_c occur three times, and differ. Equation 1.1, Table 2 and Table 3 are three *separate fits*, of three
# laws, to three sets of runs. An average of the three would be the fit of nothing. We keep them apart, and each figure says which
# one it uses.

# %%
names = ("kaplan-n", "kaplan-d", "kaplan-c", "kaplan-c-min", "kaplan-nd", "kaplan-ns", "critical-batch")
published = [PUBLISHED[name] for name in names]
table(
    ("name", "law", "constants", "from", "status"),
    *(
        (
            one.name,
            plain(one.law.formula),
            ", ".join(f"{name} {number(value, 3)}" for name, value in one.params.items()),
            one.source.split(", ")[-1],
            one.status,
        )
        for one in published
    ),
)

# %%
n_law, d_law, c_law, c_min, nd_fit, ns_fit, critical = published
nd, ns = nd_fit.params, ns_fit.params
p = ns | critical.params  # what the compute-efficient frontier is computed from
billion = 1e9
three = [(one.params["N_c"] / billion) ** one.params["alpha_N"] for one in (n_law, nd_fit, ns_fit)]
Markdown(
    f"For a model of {count(billion)} parameters, trained for ever on endless data, the three sets promise "
    f"{three[0]:.3f} (equation 1.1), {three[1]:.3f} (Table 2) and {three[2]:.3f} nats (Table 3): they agree to "
    f"{max(three) / min(three) - 1:.1%}, although N_c differs by {max(n_law.params['N_c'], nd['N_c']) / nd['N_c'] - 1:.0%}. "
    "N_c lies far outside the runs, at a loss of 1 nat, so it is the least certain number of the law and the least important."
)

# %% [markdown]
# ## One thing at a time (Figure 1)
#
# When the other two do not hold it back, the loss falls along a straight line in each of three: compute, data, size. The slopes are
# small. What a slope means is easier to see as a factor for ten times as much.
#
# *Constants: equations 1.3, 1.2, 1.1. The range of compute is that over which the paper's N_opt spans its sizes.*

# %%
sizes_trained, data_trained = (768, 1.5e9), (2.2e7, 2.3e10)
n_opt = TRENDS["kaplan-n-opt"]
budgets = tuple(n_opt.x_0 * (n / n_opt.y_0) ** (1 / n_opt.exponent) for n in sizes_trained)
kaplan_figures.power_laws([(c_min, budgets), (d_law, data_trained), (n_law, sizes_trained)])

# %%
Markdown(
    f"Ten times the parameters multiply the loss by {10 ** -n_law.params['alpha_N']:.3f}, ten times the data by "
    f"{10 ** -d_law.params['alpha_D']:.3f}, and ten times the compute, spent well, by {10 ** -c_min.params['alpha_C']:.3f}."
)

# %% [markdown]
# ### What our runs say
#
# The runs are those of `make demo`, as in the first notebook; `QUARRY_RUNS` names others. The same two laws, fitted to them:

# %%
folder = Path(experiments.__file__).parent
runs = Path(os.environ.get("QUARRY_RUNS", folder.parent / "runs" / "quickstart"))
if not runs.exists() and "QUARRY_RUNS" not in os.environ:
    runs = folder / "results" / "quickstart"
measured = load_points(runs / "points.parquet" if (runs / "points.parquet").exists() else runs)
ours_n = fit(measured, "kaplan-n", bootstrap=200)
fitted_law(ours_n)

# %%
ours_c = fit(measured, "kaplan-c", bootstrap=200)
fitted_law(ours_c, "C")

# %%
rows = [
    ("exponent", "published", "our runs", f"{ours_n.level:.0%} interval", "points"),
    *(
        (name, theirs, ours.shown(name, 3), interval(ours.interval[name]), len(ours.points))
        for name, theirs, ours in (
            ("alpha_N", n_law.params["alpha_N"], ours_n),
            ("alpha_C", f"{c_law.params['alpha_C']} (fixed batch), {c_min.params['alpha_C']:.3f} (C_min)", ours_c),
        )
    ),
]
table(*rows)

# %%
low, high = ours_n.interval["alpha_N"]
holds = (low is None or low <= n_law.params["alpha_N"]) and (high is None or n_law.params["alpha_N"] <= high)
warnings = "".join(f"\n- {one.law.name}: {warning}" for one in (ours_n, ours_c) for warning in one.warnings)
Markdown(
    f"Our interval of α_N {'holds' if holds else 'does not hold'} the published {n_law.params['alpha_N']}. Warnings of the two fits:"
    f"{warnings or ' none.'}"
)

# %% [markdown]
# An exponent does not depend on the unit of text, so bytes against word pieces are no excuse: in (N_c/N)^α a unit rescales the
# loss and moves N_c alone. But three other things differ, and each is reason enough for another exponent.
#
# - Kaplan's L(N) is the loss at *convergence*. Ours is the loss after one fixed number of tokens, which holds large models back more
#   than small ones, and makes the line look flatter.
# - A power law that falls to zero is straight; with a floor below it, it bends. How far our losses are above the floor of their text
#   is what a short ladder cannot tell (the first notebook tries).
# - The frontier of a few runs is a staircase, and which runs lie on it is itself a matter of luck. The interval knows that luck
#   only from redrawing the runs.

# %% [markdown]
# ## Learning curves of all sizes (Figure 2)
#
# L(N, S) is a sum: a floor that only size lowers, and a term that only training lowers. Draw it for six sizes against the tokens
# that each has read, and larger models are ahead at every token. Draw the *same* losses against compute, and the order is reversed
# at first: each size has its stretch in the lead, and then passes it on. The lower edge of the second panel is the frontier.
#
# *Constants: Table 3 and B_crit(L), at the paper's batch of 2^19 tokens.*

# %%
batch = 2**19
training_figures.training_curves(p, batch)

# %% [markdown]
# ## The critical batch (Figure 10)
#
# To reach a loss with batch B takes S steps and E = B S tokens. Small batches save tokens, large batches save steps, and the
# exchange is a hyperbola, (S/S_min − 1)(E/E_min − 1) = 1. Its corner is the critical batch, at which a run takes twice the least
# steps and twice the least tokens. The paper found that it depends on the loss alone.
#
# *Constants: equation 1.4. The text of the paper has 2e8 for B_star, which makes the dashed line. These were measured on models of
# 3M and 85M parameters and one text: a run on other text needs its own.*

# %%
in_text = critical.params | {"B_star": 2e8}
training_figures.critical_batches({"B_star = 2.1e8 (equation 1.4)": critical.params, "B_star = 2e8 (text)": in_text}, (2.0, 8.0))

# %%
fall = 1 - 2 ** -critical.params["alpha_B"]
as_five = 3.0**-5 / 3.0 ** (-1 / critical.params["alpha_B"])
Markdown(
    f"At a loss of 3 nats it is {count(critical_batch(3.0, critical.params))} tokens, at 2 nats "
    f"{count(critical_batch(2.0, critical.params))}; it doubles whenever the loss falls by {fall:.1%} (the paper: 13%). "
    "Equation B.4 prints the power "
    f"of the loss, 1/α_B, as 5, where α_B = {critical.params['alpha_B']} gives {1 / critical.params['alpha_B']:.2f}: at 3 nats that "
    f"would make the batch {as_five:.2f} times as large."
)

# %% [markdown]
# ## What a fixed batch hides (Figure 13)
#
# The paper trained nearly everything at one batch. While the loss is high B_crit is far below that batch, and most of the compute
# is wasted; as the loss falls the waste goes. So the bare trend of loss against compute is too steep. Divided by 1 + B/B_crit,
# compute becomes C_min, and the trend becomes the flatter one that can be carried on.
#
# Four lines: two that we compute from L(N, S) and B_crit(L), and two that the paper fitted directly.
#
# *Constants: Table 3 and equation 1.4 (computed), equations 3.3 and 1.3 (published).*

# %%
training_figures.fixed_batch(p, batch, [c_law, c_min])

# %%
steep, flat = c_law.params, c_min.params
meet = (steep["C_c"] ** steep["alpha_C"] / flat["C_c"] ** flat["alpha_C"]) ** (1 / (steep["alpha_C"] - flat["alpha_C"]))
Markdown(
    f"The computed curves never cross, for C is always more than C_min. The published lines do, at {power(meet)} FLOPs "
    f"({number(meet / PF_DAY, 2)} PF-days): above that the line for a fixed batch promises *less* loss for the same compute than the "
    "line for the best batch, which is impossible. Each is a straight line through a cloud that bends. Do not carry the steep one on."
)

# %% [markdown]
# ## How much data a size needs (Figures 4 and 9)
#
# L(N, U) gives the loss of a model stopped early on U unique tokens. How much of it is overfitting? Compare with endless data:
# δL = L(N, U)/L(N, ∞) − 1. Every size has its own line against U, left. Against the one ratio that the law contains, right, all the
# lines are one: the collapse by which the paper tested the form of the law. Here it is exact, because a formula always obeys itself.
#
# *Constants: Table 2.*

# %%
kaplan_figures.overfitting_collapse(nd)

# %%
deltas = ", ".join(f"{overfitting(n, tokens_by_rule(n), nd):.4f}" for n in (1e6, 1e8, 1e9))
Markdown(
    f"Eight times the parameters ask for {data_for(8.0, nd):.1f} times the data. The rule for δL = .02 is U = 5e3 N^.74, "
    f"{count(tokens_by_rule(billion))} tokens for {count(billion)} parameters; put back into the law it gives δL = {deltas} at a "
    "million, a hundred million and a billion parameters: rounded, but right."
)

# %%
unique = measured.table["U"].n_unique()
repeated = float((measured.table["E"] / measured.table["U"]).max())
if unique == 1:
    verdict = (
        f"Our runs cannot be put into this figure: all have the same U, {count(measured.table['U'].first())} unique tokens, and "
        f"none reads more than {repeated:.2g} epochs of them. It takes several nested U, and at each of them several passes."
    )
else:
    verdict = (
        f"Our runs have {unique} values of U and up to {repeated:.3g} epochs: `fit(measured, 'kaplan-nd')` puts them here."
    )
Markdown(verdict)

# %% [markdown]
# ## When to stop early (Figure 16)
#
# As long as it has not seen its text often, a model learns as if the text were endless. So it cannot overfit before the step at
# which endless text would have brought it to the loss at which it overfits: a *lower bound* on the step of early stopping. Large
# models on little text may be through after a thousand or so.
#
# *Constants: Table 3 for the pace, Table 2 for the two losses: two separate fits in one formula, as in the paper's equation 5.7.
# The paper's figure shows measured runs, which we do not have.*

# %%
kaplan_figures.stopping_bound(ns, nd)

# %% [markdown]
# ## The compute-efficient plan (Figure 14)
#
# Put B_crit(L) into L(N, S), fix the compute, and look for the best size. The answer is in closed form (appendix B): nearly all of a
# larger budget goes into a larger model, a little into larger batches, and the number of steps hardly grows.
#
# *Constants: Table 3 and equation 1.4 (solid), the trends of Table 6 (dashed).*

# %%
training_figures.efficient_plans(p, n_opt, TRENDS["kaplan-s-min"], budgets)

# %%
alpha_c = compute_exponent(p)
table(
    ("grows with C_min as", "from Table 3", "Table 6"),
    ("N_opt, exponent", f"{alpha_c / p['alpha_N']:.3f}", n_opt.exponent),
    ("S_min, exponent", f"{alpha_c / p['alpha_S']:.3f}", TRENDS["kaplan-s-min"].exponent),
    ("B_crit, exponent", f"{alpha_c / p['alpha_B']:.3f}", TRENDS["kaplan-b-crit"].exponent),
    ("N_opt at 1 PF-day", count(optimal_size(PF_DAY, p)), count(n_opt.y_0)),
    ("S_min at 1 PF-day", count(optimal_steps(PF_DAY, p)), count(TRENDS["kaplan-s-min"].y_0)),
)

# %%
f = stopping_fraction(p)
ratios = convergence_ratios(0.10, 0.02, p)
Markdown(
    f"The plan stops every size {f:.1%} above its converged loss (f = α_N/α_S). Compare with a run that goes on to 2%: to the same "
    f"loss, stopping at 10% takes {ratios.n:.1f} times the parameters, but {ratios.steps:.2f} of the steps and {ratios.flops:.2f} of "
    "the compute. Training to convergence is the expensive way to a loss."
)

# %% [markdown]
# ## Missing the best size (Figure 12)
#
# How bad is the wrong size? The compute to a given loss has a broad valley around the efficient size. A larger model costs more, but
# takes fewer steps, which is time; a much smaller one never arrives.
#
# *Constants: Table 3.*

# %%
training_figures.suboptimal_sizes(p)

# %%
Markdown(
    f"With .6 and 2.2 times the efficient size the compute is {excess_compute(0.6, p):.2f} and {excess_compute(2.2, p):.2f} times the "
    f"least; with 2.2 times the size {1 - excess_steps(2.2, p):.0%} of the steps are saved."
)

# %% [markdown]
# ## The crossing (Figure 15)
#
# Now the tension that this project is named after. The plan hardly grows E, so one pass over its tokens needs little new text. But
# L(D) says how little can be learned from little text, even with a perfect model. Carry both laws on: L(C) falls faster, and beyond
# some C* it promises a loss below what the data of its own plan allow. One of the two must break before.
#
# *Constants: equations 1.3 and 1.2; the tokens D(C) by Table 6 and by equation 6.7, which the paper presents as one quantity and
# which differ by a factor of two.*

# %%
conventions = [TRENDS["kaplan-d-opt"], TRENDS["kaplan-d-opt-6.7"]]


def crossing_of(trend, slope=1.0):
    c, d = c_min.params, d_law.params
    found = naive_crossing(c["C_c"], slope * c["alpha_C"], d["D_c"], d["alpha_D"], D_0=trend.predict(1.0), p=trend.exponent)
    assert isinstance(found, Crossing)
    return found


met = [crossing_of(trend) for trend in conventions]
kaplan_figures.compute_and_data_laws(c_min, d_law, conventions, met, (1e-2 * PF_DAY, 1e8 * PF_DAY))

# %%
table(
    ("D(C)", "C*, PF-days", "N_opt(C*)", "D*", "L*"),
    *(
        (
            trend.source.split(", ")[-1],
            power(one.flops / PF_DAY),
            power(n_opt.predict(one.flops)),
            power(one.tokens),
            f"{one.loss:.2f}",
        )
        for trend, one in zip(conventions, met, strict=True)
    ),
)

# %%
moved = [crossing_of(conventions[0], slope).flops / met[0].flops for slope in (0.95, 1.05)]
Markdown(
    f"The C* of about 10⁴ PF-days that is always quoted follows from Table 6. Equation 6.7 puts it "
    f"{met[1].flops / met[0].flops:.0f} times later. And C* is a ratio with a small denominator: α_C 5% smaller or larger, with the "
    f"same C_c, multiplies it by {moved[0]:.2g} or {moved[1]:.2g}. A single number for C* means nothing without its convention, and "
    "little with it."
)

# %% [markdown]
# ## Sample efficiency (Figure 19)
#
# The question behind the project is in this figure. Fix a loss, and ask how many steps and how many tokens each size needs to reach
# it, at its best batch. Near the least size that can reach it at all, both grow without limit. Far above, both level off: more size
# helps less and less, because the pace of training, (S_c/S)^α_S, is the same for all sizes in this law.
#
# *Constants: Table 3 and equation 1.4. The law has the same training term for all sizes, so the gain it gives is finite by
# construction: whether that is so is a matter for runs.*

# %%
training_figures.sample_efficiency(p, (2.5, 3.0, 3.5, 4.0, 5.0))

# %%
loss = 3.0
least = p["N_c"] * loss ** (-1 / p["alpha_N"])
gains = {times: float(tokens_over_infinite_size(loss, times * least, p)) for times in (1.05, 2.0, 10.0, 100.0)}
table(
    (f"parameters, in units of {count(least)}, the least that reach {number(loss)} nats", "tokens, over those of N → ∞"),
    *((number(times), f"{gain:.1f}") for times, gain in gains.items()),
)

# %% [markdown]
# ### Sample efficiency of our runs
#
# Our runs have one batch, so there is no S_min here, only tokens at that batch. To compare losses that were measured after the
# learning rate had decayed, we fit L = L_inf + A/N^α + B/E^β to the end points, and solve for E. Where the bands of two sizes part,
# the runs can tell them apart; where a band is missing they cannot.

# %%
surface = fit(measured, "chinchilla", bootstrap=200)


def tokens_to(target, n, q):
    """E at which the fitted law reaches a loss; nan where it never does."""
    left = np.asarray(target - q["L_inf"] - q["A"] * n ** -q["alpha"])
    with np.errstate(all="ignore"):
        return np.where(left > 0, q["B"] / left, np.nan) ** (1 / q["beta"])


ends = surface.points
targets = ends["loss"].quantile(0.25), ends["loss"].median(), ends["loss"].quantile(0.75)
rows = []
for target in targets:
    for n in np.geomspace(ends["N"].min(), ends["N"].max(), 25):
        tokens, (low, high) = surface.quantity(lambda q, target=target, n=n: tokens_to(target, n, q))
        rows.append({"loss": target, "N": n, "E": tokens, "low": low, "high": high})
schema = dict.fromkeys(("loss", "N", "E", "low", "high"), pl.Float64)
needed = pl.DataFrame(rows, schema).filter(pl.col("E") < 10 * ends["E"].max(), pl.col("E") > ends["E"].min() / 10)
training_figures.measured_sample_efficiency(needed) if len(needed) else Markdown("**These runs do not bound the tokens to any loss.**")

# %%
sizes = sorted(ends["N"].unique())
small, large = sizes[len(sizes) // 3], sizes[-1]
rows = []
for target in targets:
    gain, bounds = surface.quantity(lambda q, target=target: tokens_to(target, small, q) / tokens_to(target, large, q))
    rows.append((number(target), number(gain, 3), interval(bounds)))
table(("loss", f"tokens of N = {count(small)} over tokens of N = {count(large)}", f"{surface.level:.0%} interval"), *rows)

# %%
horizons = ends["E"].n_unique()
notes = "".join(f"\n- {warning}" for warning in surface.warnings) or " none."
Markdown(
    f"{len(ends)} end points at {len(sizes)} sizes and {horizons} token counts, at most {repeated:.2g} epochs each. A ratio whose "
    "interval holds 1 shows nothing. What these runs cannot say at all is whether the gain goes on to "
    f"the point where one pass extracts everything: that takes the floor L(U), and so repeated data. Warnings of this fit:{notes}"
)

# %% [markdown]
# ## Within the context (Figure 20)
#
# The loss at position T of the context falls as a + b T^−c. A larger model starts no better on the first token, where there is
# nothing to know, and gains more from each token before.
#
# *Constants: the legend of Figure 20. The paper's legend gives no sizes that we could check, so they are numbered.*

# %%
contexts = [PUBLISHED[f"kaplan-context-{size}"] for size in range(1, 7)]
kaplan_figures.context_losses(contexts)

# %%
falls = [float(CONTEXT.predict(one.params, {"T": 8}) - CONTEXT.predict(one.params, {"T": 1024})) for one in contexts]
Markdown(
    f"Between the 8th and the 1,024th token the smallest model gains {falls[0]:.2f} nats and the largest {falls[-1]:.2f}. Our tables "
    "do not record the loss by position, so there is no figure of ours."
)

# %% [markdown]
# ## The learning rate (appendix D.1)
#
# The paper's rule of thumb is rate = 0.003239 − 0.0001395 log N. It cannot go on: a logarithm with a minus sign reaches zero.
#
# *Constants: appendix D.1, read in the paper. That the logarithm is natural is our reading: it puts the zero where the paper says
# that the rule breaks.*


# %%
def kaplan_rate(n):
    return 0.003239 - 0.0001395 * np.log(n)


rate_sizes = (1e6, 1e8, 1e9, 1e10)
last = np.exp(0.003239 / 0.0001395)
table(("N", "learning rate"), *((count(n), power(float(kaplan_rate(n)), 3)) for n in rate_sizes))

# %%
Markdown(
    f"The rule gives zero at N = {power(last)}; the paper itself says that it breaks above 10¹⁰. From 10⁶ to 10⁹ it falls by "
    f"{kaplan_rate(1e6) / kaplan_rate(1e9):.1f} times. A power law fitted to rates tuned at each size (Porian 2024, from a secondary "
    f"source: N^{TRENDS['porian-learning-rate'].exponent}) falls by {1e3 ** -TRENDS['porian-learning-rate'].exponent:.0f} times."
)

# %% [markdown]
# ## Where the sources contradict themselves
#
# Every item is computed from the constants above. None is averaged away: whoever uses one of these numbers should know which.

# %%
n_over = {trend.name: trend.predict(PF_DAY) for trend in conventions}
one_epoch = PF_DAY / (6 * n_opt.predict(PF_DAY))
image = TRENDS["henighan-image-16x16-compute"], TRENDS["henighan-image-16x16-compute-recomputed"]
table(
    ("quantity", "one value", "another", "note"),
    (
        "C*, PF-days",
        f"{power(met[0].flops / PF_DAY)} (Table 6)",
        f"{power(met[1].flops / PF_DAY)} (eq. 6.7)",
        "the quoted 10⁴ is the first",
    ),
    (
        "tokens of the plan at 1 PF-day",
        f"{count(n_over['kaplan-d-opt'])} (Table 6)",
        f"{count(n_over['kaplan-d-opt-6.7'])} (eq. 6.7)",
        f"C/6N is {count(one_epoch)}; twice that at B_crit is the first",
    ),
    (
        "α_C of C_min",
        f"{c_min.params['alpha_C']:.3f} (eq. 1.3)",
        f"{alpha_c:.4f} (from Table 3)",
        c_min.note,
    ),
    (
        "C_c of C_min, PF-days",
        f"{power(c_min.params['C_c'] / PF_DAY)} (eq. 1.3)",
        f"{power(compute_scale(p) / PF_DAY)} (eq. B.8, from Table 3)",
        "with another exponent each",
    ),
    (
        "growth of S_min",
        f"C^{TRENDS['kaplan-s-min'].exponent} (Table 6)",
        f"C^{alpha_c / p['alpha_S']:.3f} (eq. B.10, from Table 3)",
        f"N_opt likewise: C^{n_opt.exponent} and C^{alpha_c / p['alpha_N']:.3f}",
    ),
    (
        "L(N) at N = 1B, nats",
        f"{three[0]:.3f} (eq. 1.1)",
        f"{three[1]:.3f} (Table 2), {three[2]:.3f} (Table 3)",
        "three separate fits",
    ),
    (
        "1/α_B",
        f"{1 / critical.params['alpha_B']:.2f} (α_B = {critical.params['alpha_B']})",
        "5 (eq. B.4)",
        f"with 5, B_crit at 3 nats is {as_five:.2f} times as large",
    ),
    (
        "Henighan's C(U) at U = 10⁹, FLOPs",
        f"{power(image[0].predict(1e9))} (printed)",
        f"{power(image[1].predict(1e9))} (recomputed)",
        "images of 16 by 16; the prefactor is rounded",
    ),
)

# %% [markdown]
# ## What to try next
#
# - **Your own plan.** Fit `kaplan-ns` and `critical-batch` to runs at several batches, and give their parameters to any figure here.
# - **The two things these runs lack**: a second U with repeated passes, for L(N, U), and more than one batch, for B_crit.
# - **The other answer.** Two years later Chinchilla found N and E growing alike. The next notebook asks how sure that is.
