"""The text of an experiment file for one scale point, after a study's recipe or another point's file."""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from quarry.model.config import ModelConfig
from quarry.train.config.experiment import Experiment
from quarry.train.launch.model_shapes import size
from quarry.train.launch.sweep import compact


@dataclass(frozen=True)
class Target:
    """A point as it will be: the model nearest to the `asked` N, E, U, and what is added to the seeds.

    `sets_unique`: whether the file sets U, as what it is written after has another or too little for fresh
    tokens.
    """

    model: ModelConfig
    asked: float
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
    """What a file is written after: the recipe that `module` has, or else the point of the file `like`."""

    like: Path
    config: Experiment
    module: str | None


def file_text(source: Source, target: Target, file: Path, expected: str) -> str:
    """The file: docstring, imports, `config`. `expected` is a sentence on the loss, or empty."""
    docstring = _docstring(source, target, file, expected).replace("\\", "\\\\").replace('"', '\\"')
    body = _by_recipe(source.module, target) if source.module else _by_change(source, target, file)
    return f'"""{docstring}\n"""\n\n{body}{_changes(target)}'


def _docstring(source: Source, target: Target, file: Path, expected: str) -> str:
    k = "" if target.unique is None else f", {target.tokens / target.unique:.3g} passes over U"
    asked = "" if target.n == round(target.asked) else f" (asked for: {target.asked:,.0f})"
    rule = (
        f"Shape, learning rate and all else by {source.module}.recipe."
        if source.module
        else f"Aspect ratio and head width of {source.like.name}; the learning rate goes as 1 / d_model."
    )
    fresh = "" if target.unique else " Fresh tokens: k in `quarry sweep --dry-run` should be at most 1."
    return f"""{target.n:,} parameters on {target.tokens:,} tokens{k}: a point that a plan asked for.

Claim: a run of N = {target.n:,}{asked} narrows the law that asked for it. {rule}{fresh}
Expected: {expected or "the loss that the law predicts, within its band."}
Command: quarry train {shlex.quote(str(file))}"""


def _by_recipe(module: str, target: Target) -> str:
    first = "import dataclasses\n\n" if _changes(target) else ""
    call = f"recipe(d_model={target.model.d_model}, tokens={target.tokens})"
    return f"{first}from {module} import recipe\n\nconfig = {call}\n"


def _by_change(source: Source, target: Target, file: Path) -> str:
    place = json.dumps(os.path.relpath(source.like.resolve(), file.resolve().parent), ensure_ascii=False)
    model = ", ".join(
        f"{name}={getattr(target.model, name)}"
        for name in ("d_model", "n_layers", "n_heads", "d_ff")
        if getattr(target.model, name) != getattr(source.config.model, name)
    )
    rate = f"like.optimizer.learning_rate * {source.config.model.d_model} / {target.model.d_model}"
    return f"""import dataclasses
from pathlib import Path

from quarry.train.config.experiment import Duration
from quarry.train.config.point_files import load_point_file

like = load_point_file(Path(__file__).parent / {place})[0].config
config = dataclasses.replace(
    like,
    model=dataclasses.replace(like.model{", " if model else ""}{model}),
    duration=Duration(tokens={target.tokens}),
    optimizer=dataclasses.replace(like.optimizer, learning_rate={rate}),
)
"""


def _changes(target: Target) -> str:
    """The lines that set U and other seeds."""
    lines = ""
    if target.sets_unique:
        data = f"dataclasses.replace(config.data, unique_tokens={target.unique})"
        lines += f"config = dataclasses.replace(config, data={data})\n"
    if target.seed:
        seeds = ", ".join(f"{name}=config.{name} + {target.seed}" for name in ("seed_init", "seed_order"))
        lines += f"config = dataclasses.replace(config, {seeds})\n"
    return lines
