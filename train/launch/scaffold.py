"""Ready experiment files for scale points that a plan asks for, after the recipe of a given study."""

import dataclasses
import importlib
import inspect
import keyword
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from quarry.errors import ConfigError
from quarry.model.config import ModelConfig
from quarry.train.config.experiment import Duration, Experiment
from quarry.train.config.point_files import check_name, find_study, load_point_file
from quarry.train.launch.model_shapes import MOST_HEADS, nearest_shape, size
from quarry.train.launch.scaffold_text import Source, Target, file_text

Asked = tuple[float, float] | tuple[float, float, float | None]
"""N (non-embedding parameters) and E (tokens), and U where the run is to repeat so many unique tokens."""

# A model whose N is further than this factor from the one asked for is refused.
_TOLERANCE = 2.0


@dataclass(frozen=True)
class _Study(Source):
    """Where a written file gets its experiment: the study's recipe by import, or else one point's file."""

    recipe: Callable[..., Experiment] | None

    def target(self, asked: Asked) -> Target:
        """Raises ConfigError for numbers that are none, and if no model is near."""
        n, tokens, unique = _checked(asked, self.config.batch_tokens)
        model = self.by_recipe(n) if self.recipe else nearest_shape(self.config.model, n)
        found = Target(model, n, tokens, unique)
        if not 1 / _TOLERANCE <= found.n / n <= _TOLERANCE:
            raise ConfigError(f"N = {n:.4g}: the nearest model like {self.like} has {found.n:,} parameters")
        inherited = self.like_it(found).data.unique_tokens
        sets_unique = unique is not None or (inherited is not None and inherited < tokens)
        return dataclasses.replace(found, sets_unique=sets_unique)

    def by_recipe(self, n: float) -> ModelConfig:
        """Of the recipe's models the nearest: N rises with the width, in steps of one head."""
        low, high = 0, 1
        while size(self.at(high)) < n and high < MOST_HEADS:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if size(self.at(middle)) >= n else (middle, high)
        models = [self.at(heads) for heads in (low, high) if heads]
        return min(models, key=lambda model: abs(math.log(size(model) / n)))

    def at(self, heads: int) -> ModelConfig:
        assert self.recipe is not None
        return self.recipe(d_model=heads * self.config.model.d_head, tokens=self.config.batch_tokens).model

    def like_it(self, target: Target) -> Experiment:
        """What the study makes of the target's size and tokens, with its own data and seeds."""
        if self.recipe:
            return self.recipe(d_model=target.model.d_model, tokens=target.tokens)
        rate = self.config.optimizer.learning_rate * self.config.model.d_model / target.model.d_model
        return dataclasses.replace(
            self.config,
            model=target.model,
            duration=Duration(tokens=target.tokens),
            optimizer=dataclasses.replace(self.config.optimizer, learning_rate=rate),
        )

    def experiment(self, target: Target) -> Experiment:
        """What the file will define."""
        config = self.like_it(target)
        data = config.data
        if target.sets_unique:
            data = dataclasses.replace(data, unique_tokens=target.unique)
        seeds = {name: getattr(config, name) + target.seed for name in ("seed_init", "seed_order")}
        return dataclasses.replace(config, data=data, **seeds)

    def unlike(self, target: Target, taken: Sequence[Experiment]) -> Target:
        """The point with the first seeds that make it none of those taken: it would repeat their loss."""
        seeded = (dataclasses.replace(target, seed=seed) for seed in count())
        return next(found for found in seeded if self.experiment(found) not in taken)


def write_points(
    points: Sequence[Asked], like: Path, output: Path, *, expected: Sequence[str] = ()
) -> list[Path]:
    """Write an experiment file for each of `points` in the folder `output`, after the study of `like`.

    A study whose package has `recipe(d_model, tokens)` is imported and used; else the file `like` itself is
    changed: width, depth and heads keep its aspect ratio and head width, and the learning rate goes as
    1 / d_model (the muP rule for hidden matrices, 2203.03466). N becomes that of the nearest model; a point
    that is asked for twice, or that the study has, gets other seeds. `expected` are sentences for the
    docstrings. Returns the files. Before it writes any, raises ConfigError if a file is there already, no
    model is near or a number is none, and ConfigError if `like` is no scale point.
    """
    check_name("study", output.resolve().name)
    study = _read(like, output)
    taken, files = _taken(study), dict[Path, str]()
    for place, asked in enumerate(points):
        target = study.unlike(study.target(asked), taken)
        taken.append(study.experiment(target))
        file = _unused(output, target.name, files)
        files[file] = file_text(study, target, file, expected[place] if place < len(expected) else "")
    _write(files)
    return list(files)


def _checked(asked: Asked, batch_tokens: int) -> tuple[float, int, int | None]:
    n, tokens = asked[:2]
    unique = asked[2] if len(asked) == 3 else None
    for name, value, least in (("N", n, 1), ("E", tokens, batch_tokens), ("U", unique, 1)):
        if value is not None and not least <= value < 1e30:
            raise ConfigError(f"{name} = {value}: a point needs a finite number of at least {least}")
    return n, round(tokens), None if unique is None else round(unique)


def _read(like: Path, output: Path) -> _Study:
    config = load_point_file(like)[0].config
    module = _module(like.resolve().parent, output.resolve())
    recipe = None if module is None else _recipe(module)
    return _Study(like, config, module if recipe else None, recipe)


def _recipe(module: str) -> Callable[..., Experiment] | None:
    """The `recipe(d_model, tokens)` of a study's package, if it has one."""
    found: Any = getattr(importlib.import_module(module), "recipe", None)
    if not callable(found) or list(inspect.signature(found).parameters)[:2] != ["d_model", "tokens"]:
        return None
    recipe: Any = found
    return recipe


def _module(folder: Path, output: Path) -> str | None:
    """The name by which files in `output` can import the package of a study, None if they cannot."""
    if not (folder / "__init__.py").is_file():
        return None
    parts, root = [folder.name], folder.parent
    while (root / "__init__.py").is_file():
        parts, root = [root.name, *parts], root.parent
    # Quarry's own studies are installed below `quarry`. The loader of a file puts the parent of its folder on
    # the path.
    names = [f"quarry.{'.'.join(parts)}", ".".join(parts)] if len(parts) > 1 else []
    names += [folder.name] if output.parent == folder.parent else []
    with _on_path(folder.parent):
        return next((name for name in names if _is_written(name) and _is_package(name, folder)), None)


def _is_written(name: str) -> bool:
    """Whether an import statement can hold `name`."""
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _is_package(name: str, folder: Path) -> bool:
    """Whether importing `name` gives the package in `folder`; it is imported."""
    try:
        found = importlib.import_module(name).__file__
    except ImportError:
        return False
    return found is not None and Path(found).resolve().parent == folder


def _taken(study: _Study) -> list[Experiment]:
    """The experiments that the study has already."""
    files = find_study(str(study.like.parent), []) if study.recipe else [study.like]
    return [point.config for file in files for point in load_point_file(file)]


def _unused(output: Path, name: str, files: dict[Path, str]) -> Path:
    """A file of this name, numbered if another of these points has it."""
    names = (name if i == 1 else f"{name}_{i}" for i in count(1))
    return next(file for file in (output / f"{name}.py" for name in names) if file not in files)


def _write(files: dict[Path, str]) -> None:
    """Every file, or none if one is there already or cannot be written."""
    if existing := next((file for file in files if file.exists()), None):
        raise ConfigError(f"{existing} is there already: choose another folder, or remove it")
    written: list[Path] = []
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                written.append(file)
                stream.write(text)
    except OSError as error:
        for file in written:
            with suppress(OSError):
                file.unlink()
        raise ConfigError(f"cannot write {error.filename or written[-1]}: {error.strerror}") from None
