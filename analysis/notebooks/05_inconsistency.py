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
# # The inconsistency, from the two laws to what can be measured
#
# In November 2020 an essay by nostalgebraist, *the scaling "inconsistency"*, pointed at something odd in two papers on scaling laws
# (Kaplan 2020, Henighan 2020). Their law of compute, L(C), and their law of data, L(D), cannot both go on: beyond some C* the first
# promises a loss that the second forbids. The essay's guess, after Henighan: data is a quarry and a model an extractor. Bigger models
# take what a token holds in fewer passes; once the first pass takes nearly all of it, the learning curve meets L(D), and only more
# data helps.
#
# This notebook goes that way step by step. Sections 1 to 4 use **published constants** only: they are consequences of what others
# measured. Section 5 is **our own runs**. Section 6 says what is then known, and what is not.
#
# | symbol | meaning |
# |---|---|
# | N | parameters, embeddings left out |
# | U | unique training tokens: the essay's D |
# | E | tokens processed. A run of k = E / U passes reads each unique token k times; one cannot read more text than one processes, so U ≤ E or part of U is never seen |
# | C | compute, 6NE FLOPs |
# | L | held-out loss, nats per token; logarithms are natural |

# %%
import os
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl
from IPython.display import Markdown

from quarry.errors import FitError
from quarry import experiments
from quarry import PUBLISHED, find_crossing, find_published, fit, load_points
from quarry.analysis.laws.batch_size import critical_batch
from quarry.analysis.crossing.four_laws import Growth, LossLaw
from quarry.analysis.crossing.known_laws import CONVENTIONS, meeting, published_crossings
from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.report.figures.fits import fitted_law
from quarry.analysis.report.figures import inconsistency as floor_figures
from quarry.analysis.report.figures import kaplan as kaplan_figures
from quarry.analysis.report.figures.epochs import efficiency, passes_map
from quarry.analysis.laws.kaplan_frontier import compute_exponent, compute_scale, converged_loss
from quarry.analysis.laws.formulas import plain
from quarry.analysis.planning.optimum import find_optimum
from quarry.analysis.planning.regime import data_floor
from quarry.analysis.planning.surface import published_surface
from quarry.analysis.laws.published import PF_DAY
from quarry.analysis.laws.published_trends import TRENDS
from quarry.text import count, estimate, interval, number, percent, plural, power

alt.renderers.enable("svg")


def table(*rows):
    """Rows of a table as Markdown, the first its headings."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return Markdown("\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]))


# %% [markdown]
# ## 1. Two laws and a plan
#
# **L(D)**: train on U unique tokens, as large a model and as many passes as help, and stop before it overfits. The loss that is left
# is a power of U. It is what the *data* allow.
#
# **L(C)**: spend C FLOPs as well as possible, on text that never runs out. The loss is a power of C. It is what the *compute* allows.
#
# **The plan**: spending C well means choosing N and E with 6NE = C. Kaplan's plan puts nearly all of a larger budget into a larger
# model, so that E hardly grows.

# %%
d_law, c_law = find_published("kaplan-d"), find_published("kaplan-c-min")
d, c = d_law.params, c_law.params
n_opt, e_opt = TRENDS["kaplan-n-opt"], TRENDS["kaplan-d-opt"]
table(
    ("", "formula", "constants", "from"),
    *(
        (
            name,
            plain(one.law.formula),
            ", ".join(f"{symbol} = {number(value, 3)}" for symbol, value in one.params.items()),
            one.source,
        )
        for name, one in (("L(D)", d_law), ("L(C)", c_law))
    ),
    *(
        (name, f"{symbol} = {power(one.y_0)} · (C / PF-day)^{one.exponent}", "", one.source)
        for name, symbol, one in (("plan, size", "N", n_opt), ("plan, tokens", "E", e_opt))
    ),
)

# %%
budgets, texts = (1e-6 * PF_DAY, PF_DAY), (2.2e7, 2.3e10)
kaplan_figures.power_laws([(c_law, budgets), (d_law, texts)])

# %%
Markdown(
    f"Ten times the compute multiplies N by {10**n_opt.exponent:.1f} and E by only {10**e_opt.exponent:.1f}, and the loss by "
    f"{10 ** -c['alpha_C']:.3f}. But {10**e_opt.exponent:.1f} times the text, were it all new, would multiply the floor L(D) by "
    f"{10 ** (-d['alpha_D'] * e_opt.exponent):.3f} only. **Along the plan the promise falls as C^−{c['alpha_C']:.3f}, and what its data "
    f"allow as C^−{d['alpha_D'] * e_opt.exponent:.4f}.** Two straight lines of different slope meet."
)

# %% [markdown]
# ## 2. Where they meet
#
# Put the E of the plan into L(D), every token of it fresh: L(D(C)). A model that has processed E tokens has seen at most E unique
# ones, so no plan can do better. Setting L(C) = L(D(C)) with D(C) = D_0 C^p gives
#
# $$\ln C^* = \frac{\alpha_C \ln C_c - \alpha_D \ln (D_c / D_0)}{\alpha_C - \alpha_D\, p}$$
#
# The paper gives E of the plan twice, and the two differ: Table 6 has 2e10 · C^.27, equation 6.7 has 4e10 · C^.26. Both are said to be
# the tokens of training at the critical batch, at which a run takes twice the least, 2C / 6N. At one PF-day and N = 1.3e9 that is
# 2.2e10: Table 6. The crossing that is always quoted, about 10⁴ PF-days, follows from it; equation 6.7 puts it ten times later.

# %%
trends = list(CONVENTIONS.values())
met = list(published_crossings().values())
kaplan_figures.compute_and_data_laws(c_law, d_law, trends, met, (1e-2 * PF_DAY, 1e8 * PF_DAY))

# %%
table(
    ("E of the plan from", "C*, PF-days", "C*, FLOPs", "N there", "E there", "loss there"),
    *(
        (
            trend.source.split(", ")[-1],
            power(one.flops / PF_DAY, 3),
            power(one.flops, 3),
            power(one.n),
            power(one.tokens),
            f"{one.loss:.2f}",
        )
        for trend, one in zip(trends, met, strict=True)
    ),
)


# %% [markdown]
# ### How sure is it?
#
# The denominator is a small difference of two exponents. Change one exponent by 5%, the constants C_c, D_c and D_0 as printed:


# %%
def moved(alpha_c=1.0, alpha_d=1.0, p=1.0):
    """The crossing with exponents multiplied by these factors, by Table 6."""
    compute, data = LossLaw(c["C_c"], alpha_c * c["alpha_C"]), LossLaw(d["D_c"], alpha_d * d["alpha_D"])
    tokens = Growth(e_opt.y_0 * PF_DAY ** (-p * e_opt.exponent), p * e_opt.exponent)
    return meeting(compute, data, tokens, Growth.of(n_opt))


changes = {"α_C": "alpha_c", "α_D": "alpha_d", "p": "p"}
shifts = {
    name: [moved(**{argument: factor}).flops / met[0].flops for factor in (0.9, 0.95, 1.05, 1.1)]
    for name, argument in changes.items()
}
table(
    ("C* is multiplied by, if this exponent is", "10% smaller", "5% smaller", "5% larger", "10% larger"),
    *((name, *(f"{factor:.2g}" for factor in factors)) for name, factors in shifts.items()),
)

# %%
p = PUBLISHED["kaplan-ns"].params | PUBLISHED["critical-batch"].params
quoted = {
    ".050, equation 1.3": (0.050, c["C_c"]),
    ".052, equation B.7": (0.052, c["C_c"]),
    ".054, section 6.4": (0.054, c["C_c"]),
    f"{compute_exponent(p):.4f}, with its own C_c, from Table 3": (compute_exponent(p), compute_scale(p)),
}
stars = {
    name: meeting(LossLaw(scale, alpha), LossLaw(d["D_c"], d["alpha_D"]), Growth.of(e_opt))
    for name, (alpha, scale) in quoted.items()
}
table(
    ("α_C as the paper has it", "C*, PF-days", "loss there"),
    *((name, power(one.flops / PF_DAY), f"{one.loss:.2f}") for name, one in stars.items()),
)

# %%
every = [one.flops / PF_DAY for one in (*met, *stars.values())]
gpt3 = 6 * 175e9 * 300e9
promise, allowed = LossLaw(c["C_c"], c["alpha_C"]).at(gpt3), LossLaw(d["D_c"], d["alpha_D"]).at(e_opt.predict(gpt3))
ten_percent = met[0].flops * 1.1 ** (-1 / (c["alpha_C"] - d["alpha_D"] * e_opt.exponent))
Markdown(
    f"So C* is {power(min(every))} to {power(max(every))} PF-days by the paper's own numbers, before any error of measurement: quote it with "
    "its convention, and to an order of magnitude.\n\n"
    "The trouble begins before C*. Kaplan's plan stops each size 10% above its converged loss. But L(C) is within 10% of L(D(C)) from "
    f"{number(ten_percent / PF_DAY, 2)} PF-days on (Table 6). At GPT-3's compute (N = 175e9, E = 300e9, {number(gpt3 / PF_DAY, 3)} PF-days) it is within "
    f"{promise / allowed - 1:.1%}. Beyond the first number, a run by the plan ends nearer to the floor of its data than the plan lets it "
    "end to the floor of its size. That is the sense in which the essay saw GPT-3 near the point where the plan must break."
)

# %% [markdown]
# ## 3. Why: two extrapolations that know nothing of each other
#
# Call L(N, U, k) the loss of N parameters after k passes over U tokens. The floor of the data is its least value:
#
# $$L^*(U) = \inf_{N,\,k} L(N, U, k) \quad\Rightarrow\quad L^*(U) \le L(N, U, k) \text{ for every } N \text{ and } k$$
#
# A frontier consists of such runs: L(C) is the L(N, U, k) of *some* N, U and k. So it lies above the L*(U) of its own text, at every
# C. **One surface cannot cross its own floor.** A crossing means that L(C) and L(D) are not of one surface: each was fitted alone,
# where it had data, and carried on alone.
#
# Kaplan's own L(N, D), equation 1.5, is one surface. So are Hoffmann's and Besiroglu's fits of L(N, E) and Muennighoff's of L(N, E, U).
# Their frontiers (the best N for each C, one pass) and their floors (the best N and k for each U, put at U = E):

# %%
SURFACES = {"Kaplan, L(N, D)": "kaplan-nd", "Hoffmann": "hoffmann", "Besiroglu": "besiroglu", "Muennighoff": "muennighoff"}


def frontier(name, flops):
    """C, E, loss of the best N, L* of as many unique tokens, and L_inf of a published surface."""
    surface = published_surface(name)
    best = [find_optimum(surface, budget) for budget in flops]
    return pl.DataFrame(
        {
            "C": flops,
            "E": [tokens for _, tokens in best],
            "loss": [float(surface.loss(n, tokens)) for n, tokens in best],
            "floor": [float(data_floor(surface, surface.lanes(), np.array([tokens]))[0]) for _, tokens in best],
        }
    ).with_columns(L_inf=pl.lit(surface.params.get("L_inf", 0.0)))


flops = np.geomspace(1e18, 1e28, 6)
ladders = {title: frontier(name, flops) for title, name in SURFACES.items()}
floor_figures.frontiers(ladders)

# %%
ratios = {
    title: ((one["loss"] - one["floor"]) / (one["floor"] - one["L_inf"])).to_numpy() for title, one in ladders.items()
}
assert all((one["loss"] > one["floor"]).all() for one in ladders.values())
table(
    ("surface", "(L(C) − L*) / (L* − L_inf), least", "greatest", "L(C) / L* − 1 at 10²² FLOPs"),
    *(
        (
            title,
            f"{ratios[title].min():.3f}",
            f"{ratios[title].max():.3f}",
            f"{(one['loss'] / one['floor'])[2] - 1:.1%}",
        )
        for title, one in ladders.items()
    ),
)

# %% [markdown]
# No crossing; and something more. On each of these surfaces the frontier keeps its distance: at the best N the two terms that fall,
# that of size and that of data, stay in one proportion (β/α in Chinchilla's law; (1 + α_D/α_N)^α_D − 1 of the loss, again about 10%, in
# Kaplan's). Such a law *says* that the compute frontier never merges with the floor. It does not know it: the form leaves no other
# choice. So neither pair of laws answers the question. Define instead
#
# $$C_\text{merge}(\epsilon) = \text{the least } C \text{ with } L(C) - L^*(E(C)) \le \epsilon\,(L^*(E(C)) - L_\infty)$$
#
# `merge(fit, eps=...)` finds it for a surface fitted to runs. For the four above it is nowhere or everywhere:

# %%
epsilons = (2.0, 1.0, 0.5, 0.05)
table(
    ("surface", *(f"C_merge({eps:g})" for eps in epsilons)),
    *((title, *("everywhere" if ratio.max() <= eps else "nowhere" for eps in epsilons)) for title, ratio in ratios.items()),
)

# %% [markdown]
# ## 4. What L(D) is, and what the first pass leaves
#
# L(D) is not a learning curve. A learning curve reads each token once: L(N, E). L(D) is reached by *many* passes over the *same*
# tokens, by a model large enough, stopped in time. The first-pass curve lies above the floor of the text that it has read so far, and
# the question is by how much. In Henighan's Figure 14 the curves of all sizes hang above L(D), and larger models come nearer.
#
# Here is that figure from Kaplan's constants: learning curves by L(N, S_min) and B_crit at his batch of 2^19 tokens, against L(D).


# %%
def learning_curve(n, tokens, batch=2**19):
    """L of a size after `tokens`, by L(N, S_min) and B_crit."""
    steps = np.geomspace(1, 1e9, 4000)
    loss = converged_loss(n, p) + (p["S_c"] / steps) ** p["alpha_S"]
    return np.exp(np.interp(np.log(tokens), np.log(steps * (batch + critical_batch(loss, p))), np.log(loss)))


tokens = np.geomspace(1e9, 1e12, 61)
sizes = [10.0**exponent for exponent in range(7, 14)]
floors = pl.DataFrame({"U": tokens, "loss": LossLaw(d["D_c"], d["alpha_D"]).at(tokens)})
curves = pl.concat(
    [
        pl.DataFrame({"E": tokens, "loss": learning_curve(n, tokens)}).with_columns(N=pl.lit(n), run=pl.lit(count(n)))
        for n in sizes
    ]
)
floor_figures.curves_and_floor(curves, floors, "published constants; dashed: L(D) at D = E")

# %%
above = {n: learning_curve(n, tokens) / floors["loss"].to_numpy() - 1 for n in sizes}
table(
    ("N", "least of L(N, E) / L(D = E) − 1", "at E"),
    *((power(n), f"{excess.min():+.1%}", power(tokens[excess.argmin()])) for n, excess in above.items()),
)

# %%
first = next(n for n, excess in above.items() if excess.min() < 0)
under = tokens[above[first] < 0]
assert all(excess.min() > 0 for n, excess in above.items() if n < first)
Markdown(
    f"The contradiction of section 2, seen from below. Larger models do come nearer, size by size, until the curve of {power(first)} "
    f"parameters would run *below* the floor, from {power(under.min())} to {power(under.max())} tokens: where section 2 has N and E of "
    "the crossing. That cannot happen; the curve must bend, and follow the floor. **The crossing is the place where, by these "
    f"constants, the first pass takes all that there is.** It lies {np.log10(first / 1.5e9):.1f} decades beyond the largest model that was "
    "trained."
)

# %% [markdown]
# ### Three quantities
#
# With L_0 the loss of a model that knows nothing (here ln V, a uniform guess over the vocabulary):
#
# | | formula | in words |
# |---|---|---|
# | efficiency | η(N, U, k) = (L_0 − L(N, U, k)) / (L_0 − L*(U)) | the share of what U tokens hold that N parameters have after k passes |
# | excess | δ(N, U, k) = L(N, U, k) − L*(U) | what is left, in nats per token |
# | passes needed | k_ρ(N, U) = min { k : L(N, U, k) ≤ (1 + ρ) L*(U) } | passes to within ρ of the floor, here 10% and 2% |
#
# η is dominated by the easy part of the text and crowds near 1; δ and k_ρ are the ones to watch. The essay's guess is then four claims:
#
# 1. k_ρ falls with N.
# 2. At some finite N_1(U) one pass is enough: k_ρ(N_1, U) = 1.
# 3. δ at k = 1 goes to zero as N grows: the learning curve merges with the floor.
# 4. The larger the model, the less later passes add, *because* the first has left less (and not because it overfits).
#
# Written as a law: L(N, U, k) = L*(U) + A N^−a + H (kU)^−b N^−c. What training leaves is the last term. If c > 0, a larger model learns
# more from each token, δ → 0 and N_1 exists. If c = 0, training leaves the same to all sizes, and no size is enough for one pass.
#
# Muennighoff's published surface is of the second kind. Repeats count for less and less, alike for every N:

# %%
surface = published_surface("muennighoff")
unique, passes = 1e9, np.geomspace(0.25, 64, 49)
least = float(data_floor(surface, surface.lanes(), np.array([unique]))[0])
known = (1e7, 3e7, 1e8, 3e8, 1e9, 1e10)
repeated = pl.concat(
    [
        pl.DataFrame({"k": passes, "loss": surface.loss(n, passes * unique, unique)}).with_columns(N=pl.lit(n))
        for n in known
    ]
)
floor_figures.passes(repeated, least, f"Muennighoff's constants, U = {count(unique)} tokens; dashed: L*(U)")


# %%
def needed(k, loss, bound):
    """The first of the passes `k` at which `loss` is within `bound`, `> k` if none of them."""
    reached = np.flatnonzero(np.asarray(loss) <= bound)
    return number(k[reached[0]], 2) if len(reached) else f"> {number(max(k), 2)}"


guess = np.log(50257)  # GPT-2's vocabulary, with which these losses were measured
table(
    ("N", "η, k = 1", "δ, k = 1", "k_.10", "k_.02"),
    *(
        (
            count(n),
            f"{(guess - first_pass) / (guess - least):.3f}",
            f"{first_pass - least:.3f}",
            needed(passes, surface.loss(n, passes * unique, unique), 1.10 * least),
            needed(passes, surface.loss(n, passes * unique, unique), 1.02 * least),
        )
        for n in known
        for first_pass in [float(surface.loss(n, unique, unique))]
    ),
)

# %%
endless = float(surface.loss(1e12, unique, unique)) - least
worth = 1 + surface.params["R_D"]
Markdown(
    f"Beyond 10⁹ parameters nothing moves: the first pass leaves {endless:.2f} nats to any N, and many passes are always worth "
    f"{worth:.1f} times the text. That is again the form speaking: its R_D, the repeats that help, is one number for all N and U. Claims "
    "2 to 4 are false on this surface by construction. To test them takes runs with N, U and k varied apart, each loss measured after "
    "its own cooldown, and enough passes to see the floor."
)

# %% [markdown]
# ## 5. Our own runs
#
# ### The ladder of one pass
#
# First the runs of `make demo`, from their committed table. They give an L(C):

# %%
folder = Path(experiments.__file__).parent
quickstart = load_points(folder / "results" / "quickstart" / "points.parquet")
ours_c = fit(quickstart, "kaplan-c", bootstrap=200)
fitted_law(ours_c, "C")

# %%
try:
    find_crossing(quickstart, bootstrap=0)
    verdict = "They cross."
except FitError as refusal:
    verdict = f"A naive crossing is refused: *{refusal}*."
deepest = float((quickstart.table["E"] / quickstart.table["U"]).max())
Markdown(
    f"α_C = {ours_c.params['alpha_C']:.3f} ({interval(ours_c.interval['alpha_C'])}), from bytes and C below "
    f"{power(float(quickstart.table['C'].max()))} FLOPs: not Kaplan's number, and not to be carried on. {verdict} No run here reads more than "
    f"{deepest:.2g} of its text, so there is no crossing within the range of these runs, nor any L(D) to cross."
)

# %% [markdown]
# ### The study of epochs
#
# `experiments/epochs` varies N, U and k apart: a trunk at constant rate for each (N, U), branches that cool after k passes, and fresh
# runs that never repeat. `QUARRY_EPOCHS` names another table of points than the committed one.

# %%
source = Path(os.environ.get("QUARRY_EPOCHS", folder / "results" / "epochs" / "points.parquet"))
studied = source.exists()
if studied:
    points = load_points(source, annealed_only=False)
    rows = points.table.with_columns(k=pl.col("E") / pl.col("U"))
    ends = rows.filter("annealed")
    floor = ends.filter((pl.col("k") > 1.01).any().over("U")).group_by("U").agg(pl.col("loss").min()).sort("U")
    said = (
        f"{len(ends)} annealed losses, {plural(ends['N'].n_unique(), 'size')}, {plural(len(floor), 'value')} of U that were read again, "
        f"up to {ends['k'].max():.3g} times. L*(U) below is the least loss found at U over sizes, passes, weight decays and dropout: an "
        "upper bound, for more of any of them might find less."
    )
else:
    said = f"The study has not been run: there is no {source.name} in experiments/results/epochs, and this part stays empty."
Markdown(said)

# %% [markdown]
# **L(D), and the naive crossing.** The least loss at each U, and the frontier of runs of one pass:


# %%
def naive(points):
    """What `crossing` makes of annealed points, in words."""
    try:
        found = find_crossing(points, bootstrap=100)
    except FitError as refusal:
        return f"A naive crossing is refused: *{refusal}*."
    where = getattr(found.crossing, "reason", None) or (
        f"L(C) falls below L(D(C)) at {power(found.crossing.flops)} FLOPs, E = {count(found.crossing.tokens)}; median of the draws by "
        f"run {power(found.median)}, {found.level:.0%} interval {interval(found.interval)}"
    )
    law = f"α_C = {found.compute.exponent:.3f}, α_D = {found.data.exponent:.3f}, E(C) ∝ C^{found.tokens.exponent:.2f}"
    return f"{law}: {where}; {found.p_none:.0%} of the draws have none.\n" + "".join(f"\n- {one}" for one in found.warnings)


Markdown(naive(load_points(source)) if studied else "Not run.")

# %% [markdown]
# **Learning curves against the floor.** Large dots: the least annealed loss of a first pass (E ≤ U); small dots: the trunk on its
# way, at constant rate. Read the gap at equal U = E, and whether it closes as N grows.


# %%
def first_passes(rows):
    """The least annealed first-pass loss at each N and E, and the trunks before their second pass."""
    once = rows.filter(pl.col("k") <= 1.01)
    size = pl.format("annealed, N = {}", pl.col("N").cast(pl.Int64))
    cooled = once.filter("annealed").group_by("N", "E").agg(pl.col("loss").min()).with_columns(run=size, annealed=pl.lit(True))
    trunks = once.filter(~pl.col("annealed") & pl.col("U").eq(pl.col("U").max().over("N")))
    columns = ["run", "N", "E", "loss", "annealed"]
    return pl.concat([cooled.select(columns), trunks.select(columns)]).sort("run", "E")


figure = floor_figures.curves_and_floor(first_passes(rows), floor, "our runs; dashed: L*(U) at U = E, an upper bound") if studied else None
figure if studied else Markdown("Not run.")

# %% [markdown]
# **What the first pass leaves, and how many it takes.** From here on as `quarry epochs` measures it (docs/epochs.md): the floor is that
# of N → ∞, intervals in brackets are of noise between runs alike. For each N and U: the loss after one pass, the share η of what can be
# extracted and the excess δ it leaves; passes to within 10% and 2% of L\*(U), by the best recipe; and r_∞, what all passes are worth in
# passes of fresh text. A `>` is a bound: the runs end there, or the size cannot come so near (`states` in the study).


# %%
def measured(points):
    """The study, with intervals where some cell was trained again with another seed or draw of U."""
    try:
        return study_epochs(points, bootstrap=300)
    except FitError:
        return study_epochs(points, bootstrap=0)


def told(row, name):
    """An estimate with its interval, a dash without a row."""
    return "–" if row is None else estimate(row, name)


def only(table, **values):
    """The one row of a table with these values, None without it."""
    rows = table.filter(**values)
    return rows.row(0, named=True) if len(rows) else None


found = measured(points) if studied else None
once = found.cells.filter(k=1).sort("U", "N") if studied else pl.DataFrame()
table(
    ("N", "U", "loss, k = 1", "η, k = 1", "δ, k = 1", "k_.10", "k_.02", "r_∞"),
    *(
        (
            count(row["N"]), count(row["U"]), f"{row['loss']:.3f}", told(row, "eta"), told(row, "excess"),
            *(told(only(found.passes, N=row["N"], U=row["U"], criterion=f"{rho:.0%} above the floor"), "k") for rho in (0.10, 0.02)),
            told(only(found.reuse_tuned, N=row["N"], U=row["U"]), "r_inf"),
        )
        for row in once.iter_rows(named=True)
    ),
) if studied else Markdown("Not run.")

# %%
efficiency(found, max(found.cells["U"])) if studied else Markdown("Not run.")

# %%
passes_map(found) if studied else Markdown("Not run.")

# %% [markdown]
# **The four claims.** Each is decided by one number; *undecided* means that its interval allows both, or that the answer lies beyond the
# sizes trained. Earlier versions said that 14 million parameters need one pass only, and that repeats are worth less by extraction and not
# by overfitting: the first carried one law 35 times beyond the runs, the second tested signs. Both are withdrawn (docs/epochs.md).

# %%
Markdown(
    "".join(
        f"\n- {verdict.claim}: **{verdict.holds}**. "
        + (f"{verdict.quantity}: {verdict.words}; {verdict.cells}." if verdict.holds != "not measured" else f"{verdict.cells}.")
        for verdict in found.verdicts
    )
    + "".join(f"\n\n*{warning}*" for warning in found.warnings)
    if studied else "Not run."
)

# %% [markdown]
# **Beyond the sizes trained.** What each law says of the N from which on one pass is enough. Claims 2 and 3 need every law that describes
# the runs: one that is rejected, predicts the largest N worse or falls below the passes to each size's own best does not count.

# %%
def law_rows(found):
    """law, N with its interval, share of draws with such a size, and whether the law counts."""
    for row in found.answers.filter(statement="one pass").iter_rows(named=True):
        size = "at no size" if row["N"] is None else estimate(row, "N", 2)
        yield row["law"], size, percent(row["share"], 0), "yes" if row["counts"] else f"no: {row['objection']}"


table(("law", "N", "draws with such a size", "counts"), *law_rows(found)) if studied else Markdown("Not run.")

# %% [markdown]
# ## 6. The resolution, in plain words
#
# - **The contradiction is one of extrapolations, not of facts.** L(C) and L(D) are each true where they were measured. No measured run
#   lies below the floor of its data, and none can. Carried on far enough, the law of compute promises what no run can keep.
# - **So L(C) must bend, at C\* or before.** Where is uncertain by more than an order of magnitude, by the paper's own numbers; and with
#   Chinchilla's plan, which puts as much into data as into size, E grows as C^.5 and not as C^.27, so that the floor falls faster and
#   the lines part later or never.
# - **How it bends is the essay's guess**: larger models extract more of a text in the first pass, until nothing is left for the second.
#   Then N no longer helps, E = U is all that counts, and the quantity to scale is data.
# - **What the guess needs, and no fit of a fixed form can give**: the excess δ of the first pass has to *vanish* as N grows. Kaplan's,
#   Chinchilla's and Muennighoff's forms exclude or force it.
#
# | | known | not known |
# |---|---|---|
# | L(C), L(D) where measured | powers (Kaplan 2020), with floors (Henighan 2020, Hoffmann 2022) | beyond the ranges measured |
# | larger models learn more per token | yes, in every study cited here | whether without limit, or up to a floor |
# | learning curves lie above L(D) | yes, and nearer for larger N (Henighan 2020, Figures 14 and 15) | whether they meet |
# | worth of repeats | about 4 passes nearly as good as fresh text (Muennighoff 2023) | how much at most: that paper has 16 times the text, which its runs do not bound above (docs/published_fits.md); how it depends on N and U; who overfits and who has extracted |
# | k_ρ(N, U), N_1(U) | section 5, where the study has been run | at N and U beyond it |

# %%
Markdown(
    "In this copy section 5 has "
    + (f"{len(once)} cells of N and U with repeats, up to N = {count(once['N'].max())} and U = {count(once['U'].max())}: orders of "
       "magnitude below the crossing of section 2. It can show the direction, not the place."
       if len(once) else "no runs with repeats: claims 1 to 4 are open here.")
)
