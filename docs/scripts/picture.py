"""The pictures of the README, docs/epochs.md, docs/trust.md and other pages, from the committed results:
python docs/scripts/picture.py [NAME ...]"""

import sys
from pathlib import Path

import altair as alt
import polars as pl

from quarry import fit, fit_isoflop, load_points
from quarry.analysis.epochs.predictions import with_measured
from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.modalities.ladders import ladders
from quarry.analysis.report.figures import epochs, epochs_sizes
from quarry.analysis.report.figures.allocation import isoflop_curves
from quarry.analysis.report.figures.fits import fitted_law, fitted_surface
from quarry.analysis.report.figures.inconsistency import curves_and_floor
from quarry.analysis.report.figures.theme import THEME
from quarry.experiments._verdicts import last_losses
from quarry.experiments.transfer import BASE_LAYERS, RATES
from quarry.text import count

ROOT = Path(__file__).resolve().parents[2]
POINTS = ROOT / "experiments" / "results" / "quickstart" / "points.parquet"
BANDS = ROOT / "experiments" / "results" / "bands" / "factor.csv"
BATCHES = ROOT / "experiments" / "results" / "kaplan_batch" / "points.parquet"
TRANSFER = ROOT / "experiments" / "results" / "transfer" / "points.parquet"
MODALITIES = ROOT / "experiments" / "results" / "henighan" / "points.parquet"
EPOCHS = ROOT / "experiments" / "results" / "epochs" / "points.parquet"

SHOWN_BEYOND = ("epochs (coupling, reuse)", "data-constrained", "bounded", "epochs (reuse)")

# Of fewer points a share says little.
FEWEST = 30


def panel(chart: alt.LayerChart) -> alt.LayerChart:
    """The chart without a theme of its own, so that it can stand beside another."""
    chart = chart.copy(deep=False)
    chart.config = alt.Undefined
    return chart.properties(width=440, height=320)


def quickstart() -> alt.HConcatChart:
    """The isoFLOP minima of three budgets, and L(N) at equal tokens with its band."""
    panels = [panel(isoflop_curves(fit_isoflop(POINTS))), panel(fitted_law(fit(POINTS, "power-offset")))]
    look = alt.Config.from_dict(THEME | {"font": "DejaVu Sans"})  # it has every superscript
    chart = alt.HConcatChart(hconcat=panels, config=look, spacing=40)
    return chart.resolve_scale(color="independent")


def passes() -> alt.VConcatChart:
    """Passes needed, what is extracted; learning curves above the floor, the worth of passes by size."""
    found = study_epochs(load_points(EPOCHS, annealed_only=False))
    return panels(
        (epochs.passes_map(found), epochs.efficiency(found, epochs.unique_with_floor(found)[-1])),
        (epochs.learning_curves(found), epochs.worth_after_passes(found)),
    )


def sizes() -> alt.VConcatChart:
    """Passes and least losses by size, four small runs beside a larger one, and what the batch does."""
    averaged = pl.read_parquet(EPOCHS.with_name("ensembles.parquet"))
    found = study_epochs(load_points(EPOCHS, annealed_only=False), ensembles=averaged)
    return panels(
        (epochs_sizes.passes_by_size(found), epochs_sizes.best_losses(found)),
        (epochs_sizes.circuits_chart(found), batches()),
    )


def batches() -> alt.LayerChart:
    """The loss of one pass against the batch, by size and tokens."""
    table = pl.read_parquet(BATCHES).filter("annealed", split="validation").sort("batch_tokens")
    table = table.filter(pl.col("tokens").is_in([2**16, 2**18, 2**20, 2**22]))
    rows = [
        {"batch": row["batch_tokens"], "loss": row["loss"]}
        | {"U": count(row["tokens"]), "N": count(row["n_nonembedding"])}
        for row in table.iter_rows(named=True)
    ]
    name = "batch, tokens"
    return epochs_sizes.lines(
        rows, ("batch", name), ("loss", "loss, nats per token"), "N", "One pass by batch"
    )


def beyond() -> alt.HConcatChart:
    """What four laws predicted of the runs beyond the table, and what was measured, in percent of it."""
    predicted = pl.read_csv(EPOCHS.with_name("predictions.csv"))
    measured = pl.read_parquet(EPOCHS.with_name("beyond.parquet")).filter(batch_tokens=1024)
    both = with_measured(predicted, measured).filter(pl.col("law").is_in(SHOWN_BEYOND)).sort("U", "k", "N")
    percent = {
        name: 100 * (pl.col(name) / pl.col("loss") - 1) for name in ("measured", "loss_low", "loss_high")
    }
    rows = [
        row | {"U": count(row["U"]), "run": f"{count(row['N'])}, {count(row['U'])}, k = {row['k']:g}"}
        for row in both.with_columns(**percent).iter_rows(named=True)
    ]
    charts = [_beside_prediction([row for row in rows if row["law"] == law], law) for law in SHOWN_BEYOND]
    return alt.HConcatChart(hconcat=charts, config=alt.Config.from_dict(THEME), spacing=10)


def _beside_prediction(rows: list[dict], law: str) -> alt.LayerChart:
    """Rules are 95% intervals of the law, dots the measured losses."""
    scale = alt.Scale(domain=[-11, 11], clamp=True)
    labels = alt.Axis() if law == SHOWN_BEYOND[0] else alt.Axis(labels=False, title=None, ticks=False)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("run:N", sort=None, title="N, U, passes", axis=labels), color=alt.Color("U:N", sort=None)
    )
    x = alt.X("measured:Q", scale=scale, title="measured, % above the prediction")
    layers = [
        base.mark_rule(strokeWidth=5, opacity=0.3).encode(
            x=alt.X("loss_low:Q", scale=scale), x2="loss_high:Q"
        ),
        base.mark_circle(size=55, opacity=1).encode(x=x),
    ]
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(strokeDash=[4, 4]).encode(x=alt.datum(0.0))
    return alt.layer(zero, *layers).properties(width=210, height=17 * len(rows), title=law)


def transfer() -> alt.HConcatChart:
    """The loss against the rate by width, without muP and with it, and by depth with CompleteP."""
    final = last_losses(pl.read_parquet(TRANSFER)).filter(status="finished")
    shown = {
        "standard": final.filter(parametrization="standard", n_layers=BASE_LAYERS),
        "muP": final.filter(parametrization="mup", n_layers=BASE_LAYERS),
    }
    charts = [panel(_by_rate(table, f"{name}, by width")) for name, table in shown.items()]
    both = alt.HConcatChart(hconcat=charts, config=alt.Config.from_dict(THEME), spacing=40)
    return both.resolve_scale(y="shared")


def _by_rate(table: pl.DataFrame, title: str) -> alt.LayerChart:
    """A line of losses for each width."""
    rows = (
        table.sort("d_model", "peak_learning_rate").select("d_model", "peak_learning_rate", "loss").to_dicts()
    )
    powers = alt.Axis(values=list(RATES), labelExpr="'2^' + format(log(datum.value) / log(2), '.0f')")
    rate = alt.X(
        "peak_learning_rate:Q", scale=alt.Scale(type="log", base=2), axis=powers, title="peak learning rate"
    )
    loss = alt.Y("loss:Q", scale=alt.Scale(zero=False), title="held-out loss, nats per byte")
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=rate, y=loss, color=alt.Color("d_model:O", title="d_model")
    )
    return alt.layer(base.mark_line(strokeWidth=2), base.mark_circle(size=60, opacity=1)).properties(
        title=title
    )


def modalities() -> alt.HConcatChart:
    """The surface of the images of 8x8 pixels, and their first passes above the floor of few images."""
    images = next(one for one in ladders(MODALITIES) if one.corpus == "fashion?size=8")
    again = images.all.filter(pl.col("E") > pl.col("U"))
    floor = again.group_by("U").agg(pl.col("loss").min()).sort("U")
    curves = images.once.with_columns(annealed=True)
    charts = [
        panel(fitted_surface(fit(images.once, "chinchilla", bootstrap=0))),
        panel(curves_and_floor(curves, floor, "images of 8x8 pixels, each dot an annealed run")),
    ]
    chart = alt.HConcatChart(hconcat=charts, config=alt.Config.from_dict(THEME), spacing=40)
    return chart.resolve_scale(color="independent")


def panels(*shown: tuple[alt.LayerChart, ...]) -> alt.VConcatChart:
    """Rows of charts."""
    rows = [alt.HConcatChart(hconcat=[panel(chart) for chart in row], spacing=40) for row in shown]
    rows = [
        row.resolve_scale(color="independent", shape="independent", strokeDash="independent") for row in rows
    ]
    both = alt.VConcatChart(vconcat=rows, config=alt.Config.from_dict(THEME), spacing=30)
    return both.resolve_scale(strokeDash="independent")


def trust() -> alt.LayerChart:
    """The share of points that each 95% interval holds, against how far beyond the fitted range they lie."""
    shares = pl.read_csv(BANDS).filter(pl.col("law") == "chinchilla", pl.col("points") >= FEWEST)
    lines = (
        alt.Chart(shares)
        .mark_line(point=True)
        .encode(
            x=alt.X("factor:Q", scale=alt.Scale(type="log"), title="times beyond the fitted range"),
            y=alt.Y("inside_95:Q", axis=alt.Axis(format="%"), title="points inside the 95% interval"),
            color=alt.Color("contender:N", title=None, legend=alt.Legend(labelLimit=300)),
        )
    )
    stated = (
        alt.Chart(pl.DataFrame({"inside_95": [0.95]})).mark_rule(strokeDash=[4, 4]).encode(y="inside_95:Q")
    )
    chart = (lines + stated).properties(width=560, height=340)
    chart.config = alt.Config.from_dict(THEME)
    return chart


if __name__ == "__main__":
    charts = {
        "quickstart": quickstart,
        "epochs": passes,
        "epochs_sizes": sizes,
        "epochs_beyond": beyond,
        "trust": trust,
        "transfer": transfer,
        "modalities": modalities,
    }
    for name in sys.argv[1:] or charts:
        chart = charts[name]()
        output = ROOT / "docs" / f"{name}.png"
        chart.save(output, ppi=160)
        print(output)
