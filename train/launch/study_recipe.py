"""Finds the recipe of a study: the function `recipe(d_model, tokens)` in the package of its folder."""

import importlib
import inspect
import keyword
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import importing_from

Recipe = Callable[..., Experiment]


def find_recipe(folder: Path, output: Path) -> tuple[str, Recipe] | None:
    """The recipe of the study in `folder` and the module that files in `output` can import it from.

    None if the study has no recipe, or if files in `output` could not import it.
    """
    with importing_from(folder.parent):
        module = _importable_name(folder, output)
        recipe = None if module is None else _recipe_of(module)
    return None if module is None or recipe is None else (module, recipe)


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
