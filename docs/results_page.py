"""Every number of docs/results.md, from the committed tables: python docs/results_page.py, or make results.

Writes experiments/results/claims/*.csv and the tables between the markers of the page.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import results_chinchilla
import results_costs
import results_essay
import results_kaplan
import results_porian
import results_predictions
import results_summary
from results_rows import ROOT, markdown

PAGE = Path(__file__).with_name("results.md")
TABLES = ROOT / "experiments" / "results" / "claims"
CLAIMS = {
    "number": "",
    "source": "where",
    "claim": "claim",
    "published": "published",
    "ours": "ours, 95%",
    "span": "our span",
    "verdict": "verdict",
    "why": "why",
}
COLUMNS = {
    "claims": CLAIMS,
    "predictions": results_predictions.COLUMNS,
    "porian": results_porian.COLUMNS,
    "costs": results_costs.COLUMNS,
}


def claims() -> list[dict[str, str]]:
    """The rows of all claims, numbered."""
    parts = (results_summary, results_kaplan, results_chinchilla, results_essay)
    found = [row.cells() for part in parts for row in part.rows()]
    return [{"number": str(number), **row} for number, row in enumerate(found, 1)]


def blocks(name: str, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What stands between the markers of a table: the table, and the commands behind its rows."""
    shown = {name: markdown(rows, COLUMNS[name])}
    if "command" in rows[0]:
        shown[f"{name}-commands"] = commands(rows)
    return shown


def commands(rows: Sequence[Mapping[str, str]]) -> str:
    """A code block: each command once, after the numbers of its rows."""
    numbers: dict[str, list[str]] = {}
    for place, row in enumerate(rows, 1):
        numbers.setdefault(row["command"], []).append(str(place))
    lines = [f"# {', '.join(places)}\n{command}" for command, places in numbers.items()]
    return "\n".join(["```", *lines, "```"])


def filled(page: str, name: str, words: str) -> str:
    """The page with `words` between the markers of `name`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE}: no markers of {name}")
    return pattern.sub(lambda found: found[1] + words + found[2], page)


def main() -> None:
    TABLES.mkdir(parents=True, exist_ok=True)
    made = {
        "claims": claims,
        "predictions": results_predictions.rows,
        "porian": results_porian.rows,
        "costs": results_costs.rows,
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, make in made.items():
        rows = make()
        pl.DataFrame(rows, infer_schema_length=None).write_csv(TABLES / f"{name}.csv")
        for marker, words in blocks(name, rows).items():
            page = filled(page, marker, words)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
