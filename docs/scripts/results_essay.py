"""What other pages measure, as rows that point there (docs/results.md)."""

import re

import polars as pl
from results_kaplan import REPEATED
from results_reasons import WHY
from results_rows import RESULTS, ROOT, Row, span
from results_tables import AGREES, DIFFERS, OPEN

_VERDICTS = {"yes": AGREES, "no": DIFFERS, "undecided": OPEN}
_CLAIMS = {
    1: ("bigger models need fewer passes", "k ~ N^-b, b > 0"),
    2: ("a finite size needs one pass only", "a size N_1"),
    3: ("the first pass meets the floor as N grows", "the gap goes to 0"),
    4: ("repeats are worth less to bigger models", "r_inf - 1 ~ N^-q, q > 0"),
}
_NUMBERS = {1: ("least b", "b "), 3: ("a", "the gap falls as N^-a, a "), 4: ("q", "q ")}


def rows() -> list[Row]:
    """The four claims of the essay, by the study of epochs."""
    page = pl.read_csv(ROOT / RESULTS / "epochs/page.csv")
    said = dict(page.iter_rows())
    verdicts = dict(re.findall(r"claim (\d): (\w+)", said["verdicts"]))
    counted = {words.split("|")[1].strip(): words for what, words in page.iter_rows() if what == "choices"}
    return [_row(number, said, verdicts[str(number)], counted[str(number)]) for number in _CLAIMS]


def _row(number: int, said: dict[str, str], verdict: str, choices: str) -> Row:
    claim, published = _CLAIMS[number]
    measured = f"{_NUMBERS[number][1]}{said[_NUMBERS[number][0]]}; " if number in _NUMBERS else ""
    total, yes, undecided, no = (cell.strip() for cell in choices.strip("| ").split("|")[1:])
    ours = f"{measured}holds in {yes} of {total} choices, undecided in {undecided}, false in {no}"
    return Row(
        "the essay (2020), Henighan 2020, section 6",
        claim,
        published,
        ours,
        span(REPEATED.points().table, ("N", "U")),
        _VERDICTS[verdict],
        WHY[f"essay {number}"],
        "quarry epochs experiments/results/epochs/points.parquet  # docs/epochs.md",
    )
