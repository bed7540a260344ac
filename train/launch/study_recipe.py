"""The recipe of a study: the function `recipe(d_model, tokens)` in the package of its folder."""

import importlib
import inspect
import keyword
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quarry.model.config import ModelConfig
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import importing_from
from quarry.train.launch.model_shapes import MOST_HEADS, size

Recipe = Callable[..., Experiment]


def find_recipe(folder: Path, output: Path) -> tuple[str, Recipe] | None:
    """The recipe of the study in `folder` and the module that files in `output` can import it from.

    None if the study has no recipe, or if files in `output` could not import it.
    """
    with importing_from(folder.parent):
        module = _importable_name(folder, output)
        recipe = None if module is None else _recipe_of(module)
    return None if module is None or recipe is None else (module, recipe)


def nearest_by_recipe(recipe: Recipe, head_dim: int, tokens: int, n: float) -> ModelConfig:
    """The recipe's model nearest to `n` parameters: N rises with the width, in steps of one head."""

    def model(heads: int) -> ModelConfig:
        return recipe(d_model=heads * head_dim, tokens=tokens).model

    low, high = 0, 1
    while size(model(high)) < n and high < MOST_HEADS:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if size(model(middle)) >= n else (middle, high)
    models = [model(heads) for heads in (low, high) if heads]
    return min(models, key=lambda each: abs(math.log(size(each) / n)))


def _recipe_of(module: str) -> Recipe | None:
    """The `recipe(d_model, tokens)` of a study's package, if it has one."""
    recipe: Any = getattr(importlib.import_module(module), "recipe", None)
    if not callable(recipe) or list(inspect.signature(recipe).parameters)[:2] != ["d_model", "tokens"]:
        return None
    checked: Any = recipe
    return checked


def _importable_name(folder: Path, output: Path) -> str | None:
    """The name by which files in `output` can import the package in `folder`; None if they cannot."""
    if not (folder / "__init__.py").is_file():
        return None
    parts, root = [folder.name], folder.parent
    while (root / "__init__.py").is_file():
        parts, root = [root.name, *parts], root.parent
    # Quarry's own studies are installed below `quarry`. The loader of a file puts the parent of its folder on
    # the path.
    names = [f"quarry.{'.'.join(parts)}", ".".join(parts)] if len(parts) > 1 else []
    names += [folder.name] if output.parent == folder.parent else []
    return next((name for name in names if _is_valid(name) and _is_package(name, folder)), None)


def _is_valid(name: str) -> bool:
    """Whether `name` can stand in an import statement."""
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))


def _is_package(name: str, folder: Path) -> bool:
    """Whether importing `name`, which this does, gives the package in `folder`."""
    try:
        file = importlib.import_module(name).__file__
    except ImportError:
        return False
    return file is not None and Path(file).resolve().parent == folder
