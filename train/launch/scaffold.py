"""Writes experiment files for planned scale points, after the recipe of a study or another point's file."""

import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from quarry.errors import ConfigError
from quarry.model.config import ModelConfig
from quarry.train.config.branches import branches
from quarry.train.config.experiment import BranchConfig, Duration, Experiment
from quarry.train.config.point_files import check_name, find_study, load_point_file
from quarry.train.launch.model_shapes import nearest_shape
from quarry.train.launch.scaffold_text import NewPoint, Source, file_text
from quarry.train.launch.study_recipe import Recipe, find_recipe, nearest_by_recipe

PlannedSizes = tuple[float, float] | tuple[float, float, float | None]
"""N (non-embedding parameters), E (tokens) and, for a run that repeats its data, U (unique tokens)."""

LARGEST_FACTOR = 2.0
"""A model whose N differs from the planned one by more than this factor is refused."""


@dataclass(frozen=True)
class _Study(Source):
    """The source of new points that also makes their experiments: by the recipe, or by changing a point."""

    recipe: Recipe | None

    def new_point(self, planned: PlannedSizes) -> NewPoint:
        """The point nearest to the planned sizes. Raises ConfigError for bad sizes or if no model is near."""
        n, tokens, unique = _check_sizes(planned, self.config.batch_tokens)
        model = self.nearest_model(n)
        point = NewPoint(model, n, tokens, unique)
        if not 1 / LARGEST_FACTOR <= point.n / n <= LARGEST_FACTOR:
            raise ConfigError(f"N = {n:.4g}: the nearest model like {self.like} has {point.n:,} parameters")
        inherited = self.base_experiment(point).data.unique_tokens
        sets_unique = unique is not None or (inherited is not None and inherited < tokens)
        return dataclasses.replace(point, sets_unique=sets_unique)

    def nearest_model(self, n: float) -> ModelConfig:
        if self.recipe is None:
            return nearest_shape(self.config.model, n)
        return nearest_by_recipe(self.recipe, self.config.model.d_head, self.config.batch_tokens, n)

    def base_experiment(self, point: NewPoint) -> Experiment:
        """The experiment for the point's model and tokens, with the data and seeds of the study."""
        if self.recipe:
            return self.recipe(d_model=point.model.d_model, tokens=point.tokens)
        rate = self.config.optimizer.learning_rate * self.config.model.d_model / point.model.d_model
        return dataclasses.replace(
            self.config,
            model=point.model,
            duration=Duration(tokens=point.tokens),
            branches=BranchConfig(),
            optimizer=dataclasses.replace(self.config.optimizer, learning_rate=rate),
        )

    def experiment(self, point: NewPoint) -> Experiment:
        """The experiment that the file will define."""
        config = self.base_experiment(point)
        data = config.data
        if point.sets_unique:
            data = dataclasses.replace(data, unique_tokens=point.unique)
        seeds = {name: getattr(config, name) + point.seed for name in ("seed_init", "seed_order")}
        return dataclasses.replace(config, data=data, **seeds)

    def with_new_seeds(self, point: NewPoint, existing: Sequence[Experiment]) -> NewPoint:
        """The point with the first seeds that differ from all `existing` runs, whose loss it would repeat."""
        seeded = (dataclasses.replace(point, seed=seed) for seed in count())
        known = [_trained(each) for each in existing]
        return next(each for each in seeded if _trained(self.experiment(each)) not in known)


def write_points(
    points: Sequence[PlannedSizes], like: Path, output: Path, *, expected: Sequence[str] = ()
) -> list[Path]:
    """Write an experiment file for each of `points` in the folder `output`, after the study of `like`.

    If the study's package has `recipe(d_model, tokens)`, the files import it. Otherwise they change the
    experiment of the file `like`: width, depth and heads keep its aspect ratio and head width, and the
    learning rate is proportional to 1 / d_model (the muP rule for hidden matrices, 2203.03466). N is that of
    the nearest model. A point that is planned twice, or that the study has already, gets other seeds.
    `expected` are sentences for the docstrings.

    Returns the files. Raises ConfigError, before it writes any, if a file exists already, no model is near, a
    size is not a positive number, or `like` is not a scale-point file.
    """
    check_name("study", output.resolve().name)
    study = _read_study(like, output)
    existing, files = _existing_experiments(study), dict[Path, str]()
    for number, planned in enumerate(points):
        point = study.with_new_seeds(study.new_point(planned), existing)
        existing.append(study.experiment(point))
        file = _unused_file(output, point.name, files)
        files[file] = file_text(study, point, file, expected[number] if number < len(expected) else "")
    _write(files)
    return list(files)


def _check_sizes(planned: PlannedSizes, batch_tokens: int) -> tuple[float, int, int | None]:
    """N, E and U. Raises ConfigError if one of them is not a finite number, or is too small."""
    n, tokens = planned[:2]
    unique = planned[2] if len(planned) == 3 else None
    for name, value, least in (("N", n, 1), ("E", tokens, batch_tokens), ("U", unique, 1)):
        if value is not None and not least <= value < 1e30:
            raise ConfigError(f"{name} = {value}: a point needs a finite number of at least {least}")
    return n, round(tokens), None if unique is None else round(unique)


def _read_study(like: Path, output: Path) -> _Study:
    config = load_point_file(like)[0].config
    module, recipe = find_recipe(like.resolve().parent, output.resolve()) or (None, None)
    return _Study(like, config, module, recipe)


def _existing_experiments(study: _Study) -> list[Experiment]:
    """The experiments that the study has already, those of branches too."""
    files = find_study(str(study.like.parent), []) if study.recipe else [study.like]
    points = [point for file in files for point in load_point_file(file)]
    return [run.config for point in points for run in (point, *branches(point))]


def _trained(experiment: Experiment) -> Experiment:
    """The experiment as its loss depends on it: without branches, for a number of steps where U is known."""
    unique = experiment.data.unique_tokens
    known = unique is not None or experiment.duration.epochs is None
    duration = Duration(steps=experiment.steps(unique or 1)) if known else experiment.duration
    return dataclasses.replace(experiment, branches=BranchConfig(), duration=duration)


def _unused_file(output: Path, name: str, files: dict[Path, str]) -> Path:
    """A file with this name, numbered if another of `files` has it."""
    names = (name if i == 1 else f"{name}_{i}" for i in count(1))
    return next(file for file in (output / f"{name}.py" for name in names) if file not in files)


def _write(files: dict[Path, str]) -> None:
    """Write every file, or none if one exists already or cannot be written."""
    if existing := next((file for file in files if file.exists()), None):
        raise ConfigError(f"{existing} exists already: choose another folder, or remove it")
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
