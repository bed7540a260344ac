"""Henighan 2020, Table 1, by the ladders of the study modalities (docs/results.md)."""

import polars as pl
from results_rows import RESULTS, ROOT, Row, shown, span
from results_tables import OPEN, judge

from quarry.text import number

FOLDER = RESULTS / "henighan"
COMMAND = "python -m quarry.analysis.modalities experiments/results/henighan/points.parquet --output RESULTS"
ROUNDED = 0.005
"""The paper prints two digits."""
CLAIMS = {("L(N)", "power-offset"): "L(N) - L_inf ~ N^-alpha", ("N_opt(C)", "chinchilla"): "N_opt ~ C^beta"}
"""What a row claims, by quantity and method."""
NAMES = {
    "sotu": "speeches",
    "metamath": "formal proofs",
    "reasoning": "procedural mathematics",
    "fashion?size=8": "images of 8x8",
    "fashion?size=16": "images of 16x16",
    "fashion": "images of 28x28, theirs of 32x32",
}


def rows() -> list[Row]:
    """The exponents of each corpus that stands for a domain of the paper's."""
    found = pl.read_csv(ROOT / FOLDER / "exponents.csv").drop_nulls("henighan_exponent")
    sizes = pl.read_parquet(ROOT / FOLDER / "points.parquet").select("corpus", N="n_nonembedding")
    return [
        _row(each, span(sizes.filter(corpus=each["corpus"]), ("N",)))
        for each in found.iter_rows(named=True)
        if _claim(each) and each["corpus"] in NAMES
    ]


def _claim(row: dict) -> str | None:
    return CLAIMS.get((row["quantity"], row["method"]))


def _row(row: dict, reach: str) -> Row:
    """The row of a fit; one in doubt, such as L_inf at a limit, decides nothing, nor does the rounding."""
    ends, published = (row["exponent_low"], row["exponent_high"]), row["henighan_exponent"]
    why = f"{row['points']} losses, one rate rule, one seed" + f"; {row['doubts']}" * bool(row["doubts"])
    claim, ours = f"{_claim(row)}, {NAMES[row['corpus']]}", shown(row["exponent"], ends)
    verdicts = {judge(ends, published + rounded) for rounded in (-ROUNDED, 0.0, ROUNDED)}
    verdict = OPEN if row["doubts"] or len(verdicts) > 1 else verdicts.pop()
    return Row("Henighan 2020, Table 1", claim, number(published, 2), ours, reach, verdict, why, COMMAND)
