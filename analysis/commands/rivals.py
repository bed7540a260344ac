"""`quarry rivals`: the laws of repeated data, judged by held-out rows and columns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional

from quarry.analysis.commands.figures import save_charts
from quarry.analysis.commands.options import BootstrapOptions, LossColumn, OutputOptions, ReadingOptions
from quarry.analysis.commands.printing import print_warnings, write_result
from quarry.analysis.commands.reading import read_points
from quarry.analysis.fitting.comparison.held_out import FEWEST_RUNS
from quarry.analysis.fitting.comparison.repeated_data import Rivals, compare_rivals
from quarry.console import TitledTable, make_console
from quarry.errors import DONE
from quarry.options import Flat
from quarry.text import MISSING, count, number, percent


@dataclass(frozen=True)
class RivalsOptions:
    """How the laws are compared."""

    loss: LossColumn = "loss"
    least: float = 0.1
    """The least share of the points that each test holds out."""
    reading: Annotated[ReadingOptions, Flat] = ReadingOptions()
    draws: Annotated[BootstrapOptions, Flat] = BootstrapOptions(200)
    output: Annotated[OutputOptions, Flat] = OutputOptions()


def command(points: Positional[Path], options: Annotated[RivalsOptions, Flat] = RivalsOptions()) -> int:
    """Compare the laws of repeated data by their predictions of held-out points of large N, U and k.

    Where the points were trained by several recipes, the best at each N, U and k counts;
    `--exclude "weight_decay!=0.1"` keeps one.

    Args:
        points: A directory of runs, or a CSV or Parquet table with N, loss, U and D or E.
    """
    compare_laws(points, options, make_console())
    return DONE


def compare_laws(path: Path, options: RivalsOptions, console: Console) -> Rivals:
    """Compare the rivals on the points at `path`, print the result, write it as JSON and draw it if asked.

    Raises PointsError, FitError, RecordError.
    """
    reading, output = options.reading, options.output
    points = read_points(path, reading, loss=options.loss)
    result = compare_rivals(points, least=options.least, **vars(options.draws))
    print_rivals(result, console)
    if output.json is not None:
        write_result(rivals_json(result), output.json)
    if output.figures is not None:
        from quarry.analysis.report.figures.rivals import held_out_predictions

        names = result.winners["question"].to_list()
        charts = {_file_name(name): held_out_predictions(result, name) for name in names}
        save_charts(charts, output.figures)
    return result


def _file_name(question: str) -> str:
    return "rivals-" + question.replace(",", "").replace(" ", "-")


def print_rivals(result: Rivals, console: Console) -> None:
    """Print the errors of every law, who wins where, by how much, and what was not compared."""
    console.print(errors_table(result), winners_table(result), gaps_table(result))
    reasons = result.refused.group_by("law", "reason", maintain_order=True).agg("question")
    for law, reason, questions in reasons.iter_rows():
        console.print(Text(f"not compared: {law or 'any law'}, {'; '.join(questions)}: {reason}"))
    print_warnings(result.warnings, console)


def errors_table(result: Rivals) -> Table:
    """Laws by their errors of prediction; the least of each question is marked."""
    table = TitledTable(title="mean |predicted / measured - 1|, by fits without what is predicted")
    questions = result.winners["question"].to_list()
    for heading in ("law", "free", "points", "in sample", *questions):
        table.add_column(heading, justify="left" if heading == "law" else "right")
    best = dict(result.winners.select("question", "winner").iter_rows())
    for row in result.ranking.iter_rows(named=True):
        errors = [percent(row[name]) + (" *" if best[name] == row["law"] else "") for name in questions]
        table.add_row(
            Text(row["law"]), str(row["parameters"]), str(row["points"]), percent(row["in_sample"]), *errors
        )
    return table


def winners_table(result: Rivals) -> Table:
    """Who wins where."""
    table = TitledTable(title="who wins where")
    for heading in ("held out", "from", "predicted", "runs", "wins", "not worse within the noise"):
        table.add_column(heading, justify="left")
    for row in result.winners.iter_rows(named=True):
        start, rest = f"{row['column']} = {count(row['cut'])}", _not_worse(result, row)
        table.add_row(
            row["question"],
            start,
            str(row["units"]),
            str(row["runs"]),
            Text(row["winner"] or MISSING),
            Text(rest),
        )
    return table


def _not_worse(result: Rivals, row: dict) -> str:
    """The laws that are not worse than the winner of a question, or why none is named."""
    if len(result.verdicts.filter(question=row["question"])) < 2:
        return f"{MISSING} (no other law answers)"
    if not row["tested"]:
        return f"not tested: needs {FEWEST_RUNS} runs held out"
    return ", ".join(row["not_worse"]) or "none"


def gaps_table(result: Rivals) -> Table:
    """How much larger each law's error is than the winner's."""
    title = f"error above the winner's, {result.level:.0%} interval, probability that the winner is better"
    table = TitledTable(title=title)
    for heading in ("held out", "law", "difference", "interval", "probability"):
        table.add_column(heading, justify="left" if heading in ("held out", "law") else "right")
    winners = dict(result.winners.select("question", "winner").iter_rows())
    for row in result.verdicts.iter_rows(named=True):
        if row["law"] == winners[row["question"]]:
            continue
        ends = MISSING if row["low"] is None else f"{percent(row['low'])} to {percent(row['high'])}"
        gap = percent(row["difference"])
        table.add_row(row["question"], Text(row["law"]), gap, ends, number(row["probability"], 3))
    return table


def rivals_json(result: Rivals) -> dict:
    """The result as JSON values, with each law's parameters fitted to all points."""
    laws = [(row, result.fits[row["law"]]) for row in result.ranking.iter_rows(named=True)]
    return {
        "level": result.level,
        "laws": [row | {"params": fitted.params, "at_limit": fitted.at_limit} for row, fitted in laws],
        "verdicts": result.verdicts.to_dicts(),
        "winners": result.winners.to_dicts(),
        "predictions": result.predictions.to_dicts(),
        "refused": result.refused.to_dicts(),
        "warnings": list(result.warnings),
    }
