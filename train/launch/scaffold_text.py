"""The text of an experiment file for one scale point, after a study's recipe or another point's file."""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from quarry.model.config import ModelConfig
from quarry.text import compact
from quarry.train.config.experiment import Experiment
from quarry.train.launch.model_shapes import size


@dataclass(frozen=True)
class NewPoint:
    """A point to be written: the model nearest to the planned N, its E and U, and what is added to the seeds.

    `sets_unique`: whether the file sets U, because its source has another U, or too few tokens for one pass.
    """

    model: ModelConfig
    planned_n: float
    tokens: int
    unique: int | None
    seed: int = 0
    sets_unique: bool = False

    @property
    def n(self) -> int:
        return size(self.model)

    @property
    def name(self) -> str:
        unique = "" if self.unique is None else f"_u{compact(self.unique)}"
        seed = f"_seed{self.seed}" if self.seed else ""
        return f"n{compact(self.n)}_{compact(self.tokens)}{unique}{seed}"


@dataclass(frozen=True)
class Source:
    """The source of a new point: the recipe in `module`, or the point of the file `like`."""

    like: Path
    config: Experiment
    module: str | None


def file_text(source: Source, point: NewPoint, file: Path, expected: str) -> str:
    """The text of the file: docstring, imports, `config`. `expected` is a sentence on the loss, or empty."""
    docstring = _docstring(source, point, file, expected).replace("\\", "\\\\").replace('"', '\\"')
    body = _by_recipe(source.module, point) if source.module else _by_change(source, point, file)
    return f'"""{docstring}\n"""\n\n{body}{_changes(point)}'


def _docstring(source: Source, point: NewPoint, file: Path, expected: str) -> str:
    k = "" if point.unique is None else f", {point.tokens / point.unique:.3g} passes over U"
    planned = "" if point.n == round(point.planned_n) else f" (planned: {point.planned_n:,.0f})"
    rule = (
        f"Shape, learning rate and all else by {source.module}.recipe."
        if source.module
        else f"Aspect ratio and head width of {source.like.name}; learning rate proportional to 1 / d_model."
    )
    fresh = "" if point.unique else " Fresh tokens: k in `quarry sweep --dry-run` should be at most 1."
    return f"""{point.n:,} parameters on {point.tokens:,} tokens{k}: a planned point.

Claim: a run of N = {point.n:,}{planned} narrows the interval of the law behind the plan. {rule}{fresh}
Expected: {expected or "the loss that the law predicts, within its band."}
Command: quarry train {shlex.quote(str(file))}"""


def _by_recipe(module: str, point: NewPoint) -> str:
    first = "import dataclasses\n\n" if _changes(point) else ""
    call = f"recipe(d_model={point.model.d_model}, tokens={point.tokens})"
    return f"{first}from {module} import recipe\n\nconfig = {call}\n"


def _by_change(source: Source, point: NewPoint, file: Path) -> str:
    place = json.dumps(os.path.relpath(source.like.resolve(), file.resolve().parent), ensure_ascii=False)
    model = ", ".join(
        f"{name}={getattr(point.model, name)}"
        for name in ("d_model", "n_layers", "n_heads", "d_ff")
        if getattr(point.model, name) != getattr(source.config.model, name)
    )
    rate = f"like.optimizer.learning_rate * {source.config.model.d_model} / {point.model.d_model}"
    return f"""import dataclasses
from pathlib import Path

from quarry.train.config.experiment import BranchConfig, Duration
from quarry.train.config.point_files import load_point_file

like = load_point_file(Path(__file__).parent / {place})[0].config
config = dataclasses.replace(
    like,
    model=dataclasses.replace(like.model{", " if model else ""}{model}),
    duration=Duration(tokens={point.tokens}),
    branches=BranchConfig(),
    optimizer=dataclasses.replace(like.optimizer, learning_rate={rate}),
)
"""


def _changes(point: NewPoint) -> str:
    """The lines that set U and new seeds."""
    lines = ""
    if point.sets_unique:
        data = f"dataclasses.replace(config.data, unique_tokens={point.unique})"
        lines += f"config = dataclasses.replace(config, data={data})\n"
    if point.seed:
        seeds = ", ".join(f"{name}=config.{name} + {point.seed}" for name in ("seed_init", "seed_order"))
        lines += f"config = dataclasses.replace(config, {seeds})\n"
    return lines
