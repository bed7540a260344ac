"""Writes a new study: a folder with a recipe and a file for each scale point, ready to sweep."""

import dataclasses
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.train.config.point_files import check_name
from quarry.train.data.corpora import input_files
from quarry.train.data.mixture import named_weights
from quarry.train.launch.model_shapes import size
from quarry.train.launch.new_study_text import point_text, recipe_text
from quarry.train.launch.scaffold import LARGEST_FACTOR
from quarry.train.launch.scaffold_text import NewPoint
from quarry.train.launch.study_design import Design
from quarry.train.launch.study_recipe import Recipe, find_recipe, nearest_by_recipe

_PLAIN = ("folder", "sotu", "stdlib")
_PACKED = {".gz", ".zst", ".xz", ".bz2", ".parquet"}
_TRAINED = 0.9
"""The share of a corpus that is not held out, by the default fractions of `data`."""


def write_study(folder: Path, design: Design) -> dict[Path, NewPoint]:
    """Write the study `folder`: `__init__.py` with the recipe, and a file for each point.

    The size of a point is that of the recipe's model nearest to the planned N; at a budget its tokens follow
    from that size. Returns the points by their files. Raises ConfigError if the folder exists or cannot be
    written, or its name cannot be imported, and DataError for a corpus that is not there; nothing is written
    then.
    """
    name = check_name("study", folder.resolve().name)
    require(
        re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) is not None,
        f"study name {name!r}: its files import it, so use letters, digits and _ only",
    )
    place = folder.resolve()  # x/../.. is above this folder, and no x is to be made for it
    require(not place.exists(), f"{folder} exists already: choose another name, or remove it")
    design = dataclasses.replace(design, corpus=_findable(design.corpus))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as temporary:
            draft = Path(temporary).resolve() / name
            points = _write_draft(draft, folder, design)
            draft.rename(place)
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename or folder}: {error.strerror}") from None
    return {folder / f"{point.name}.py": point for point in points}


def least_passes(design: Design) -> list[float]:
    """How often each planned point reads its text at least: E by its training bytes, at most one a token.

    Empty where the files do not say how much text they hold: compressed, tables, or not there yet.
    """
    kind, _, argument = design.corpus.partition(":")
    if kind not in _PLAIN or (kind == "folder" and not argument):
        return []
    files = input_files(design.corpus, Path())
    if not files or any(file.suffix in _PACKED for file in files):
        return []
    unique = _TRAINED * sum(file.stat().st_size for file in files)
    return [tokens / unique for _, tokens in design.planned()] if unique else []


def _findable(corpus: str) -> str:
    """The name of a corpus with the paths of its files made absolute. Raises DataError if it is not there."""
    kind, colon, argument = corpus.partition(":")
    if kind == "mix":
        parts = [f"{_findable(name)}={weight}" for name, weight in named_weights(argument)]
        corpus = f"{kind}{colon}{'+'.join(parts)}"
    elif kind in ("folder", "archive", "store") and argument and not argument.startswith(("~", "/", "gs://")):
        corpus = f"{kind}{colon}{Path.cwd() / argument}"
    if kind == "store" and not argument.startswith("gs://"):
        from quarry.train.data.prepared import open_store_folder  # the packages of training read it

        open_store_folder(Path(corpus.removeprefix("store:")).expanduser(), verify=False)
    elif kind not in ("tfds", "hf", "store"):  # what they prepare is not here yet
        input_files(corpus, Path())
    return corpus


def _write_draft(draft: Path, folder: Path, design: Design) -> Sequence[NewPoint]:
    """Write the files of the study `folder` below a temporary one."""
    draft.mkdir()
    (draft / "__init__.py").write_text(recipe_text(folder, design), encoding="utf-8")
    found = find_recipe(draft, draft)
    if found is None:
        raise ConfigError(f"study name {draft.name!r}: a word or a module of Python, choose another")
    points = _points(found[1], design)
    for point in points:
        (draft / f"{point.name}.py").write_text(point_text(folder, point), encoding="utf-8")
    shutil.rmtree(draft / "__pycache__", ignore_errors=True)
    return points


def _points(recipe: Recipe, design: Design) -> Sequence[NewPoint]:
    """The points by the models of the recipe, without those that are the same."""
    points: dict[str, NewPoint] = {}
    for n, tokens in design.planned():
        model = nearest_by_recipe(recipe, design.head_dim, design.batch_tokens, n)
        require(
            size(model) > n / LARGEST_FACTOR,
            f"N = {n:.4g}: the largest model of a new study has {size(model):,} parameters",
        )
        own = n * tokens / size(model) if design.budgets else tokens
        require(
            own >= design.batch_tokens,
            f"E = {own:,.4g} tokens at N = {size(model):,} are less than a step of {design.batch_tokens:,}: "
            f"choose {'larger budgets' if design.budgets else 'more tokens'}, or a shorter context",
        )
        point = NewPoint(model, n, round(own), None)
        points.setdefault(point.name, point)
    return list(points.values())
