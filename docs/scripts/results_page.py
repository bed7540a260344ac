"""The numbers of docs/results.md, from the committed tables: `make results`, or this script with names.

Writes experiments/results/claims/*.csv and the tables between the markers of the page; with names (claims,
predictions, porian, costs, prose) only those; prose is made from the others.
"""

import sys

import polars as pl
import results_chinchilla
import results_costs
import results_essay
import results_kaplan
import results_kaplan_nd
import results_modalities
import results_porian
import results_predictions
import results_prose
import results_studies
import results_summary
from results_rows import ROOT
from results_tables import PAGE, blocks, filled

TABLES = ROOT / "experiments" / "results" / "claims"


def claims() -> list[dict[str, str]]:
    """The rows of all claims, numbered."""
    parts = (
        results_summary,
        results_kaplan,
        results_chinchilla,
        results_essay,
        results_kaplan_nd,
        results_modalities,
        results_studies,
    )
    found = [row.cells() for part in parts for row in part.rows()]
    return [{"number": str(number), **row} for number, row in enumerate(found, 1)]


def main() -> None:
    TABLES.mkdir(parents=True, exist_ok=True)
    made = {
        "claims": claims,
        "predictions": results_predictions.rows,
        "porian": results_porian.rows,
        "costs": results_costs.rows,
        "prose": results_prose.rows,
    }
    page = PAGE.read_text(encoding="utf-8")
    for name in sys.argv[1:] or made:
        rows = made[name]()
        pl.DataFrame(rows, infer_schema_length=None).write_csv(TABLES / f"{name}.csv")
        for marker, words in blocks(name, rows).items():
            page = filled(page, marker, words)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
