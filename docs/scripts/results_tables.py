"""The tables of docs/results.md in Markdown, and the rule of their verdicts; needs no fit."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from quarry.text import markdown_table

PAGE = Path(__file__).parents[1] / "results.md"
AGREES, DIFFERS, OPEN = "agrees", "does not", "cannot say"

COLUMNS = {
    "claims": {
        "number": "#",
        "source": "where",
        "claim": "claim",
        "published": "published",
        "ours": "ours, 95%",
        "span": "our span",
        "verdict": "verdict",
        "why": "why",
    },
    "predictions": {
        "text": "text",
        "law": "law",
        "held out": "held out",
        "mean error": "mean error",
        "largest error": "largest",
        "band": "95% band",
        "inside": "inside",
    },
    "porian": {
        "step": "step",
        "a": "a of N_opt ~ C^a",
        "budgets": "budgets",
        "N": "N_opt at the first and last",
        "published": "Porian 2024",
        "verdict": "verdict",
    },
    "costs": {"study": "study", "runs": "runs", "N": "N", "flops": "FLOPs", "time": "one H200"},
}
"""Of each table the keys of its rows, with their headings."""


def judge(ends: tuple[float | None, float | None], published: float, rivals: Sequence[float] = (0.0,)) -> str:
    """Whether the interval holds the published value.

    No verdict if it does but is open, wider than the value itself, or holds a rival value too.
    """
    low, high = (
        -math.inf if ends[0] is None else ends[0],
        math.inf if ends[1] is None else ends[1],
    )
    if not low <= published <= high:
        return DIFFERS
    undecided = high - low > abs(published) or any(low <= rival <= high for rival in rivals)
    return OPEN if undecided else AGREES


def markdown(rows: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> str:
    """A Markdown table of rows; `columns` maps keys to headings."""
    cells = [[str(row[name] or "").replace("|", "\\|") for name in columns] for row in rows]
    return markdown_table(columns.values(), cells)


def blocks(name: str, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What stands between the markers of a table: the table, and the commands behind its rows; or prose."""
    if name == "prose":
        return {row["marker"]: row["words"] for row in rows}
    shown = {name: markdown(rows, COLUMNS[name])}
    if "command" in rows[0]:
        shown[f"{name}-commands"] = commands(rows)
    if "verdict" in rows[0]:
        shown[f"{name}-count"] = counted(rows)
    return shown


def counted(rows: Sequence[Mapping[str, str]]) -> str:
    """How many of the rows that have a verdict have each."""
    verdicts = [row["verdict"] for row in rows if row["verdict"]]
    agree, differ, open_ones = (verdicts.count(each) for each in (AGREES, DIFFERS, OPEN))
    return f"Of {len(verdicts)} rows {agree} agree, {differ} do not, and {open_ones} cannot say."


def commands(rows: Sequence[Mapping[str, str]]) -> str:
    """A code block: each command once, after the numbers of its rows."""
    numbers: dict[str, list[str]] = {}
    for place, row in enumerate(rows, 1):
        numbers.setdefault(row["command"], []).append(str(place))
    lines = [f"# {', '.join(places)}\n{command}" for command, places in numbers.items()]
    return "\n".join(["```", *lines, "```"])


def filled(page: str, name: str, words: str) -> str:
    """The page with `words` between the markers of `name`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE}: no markers of {name}")
    return pattern.sub(lambda found: f"{found[1]}{words}\n{found[2]}", page)
