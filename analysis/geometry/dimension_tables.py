"""Decimation curves of files of points, and of cubes of known dimension with as many points and features."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from quarry.analysis.geometry.dimension import decimation, uniform_cube
from quarry.errors import PointsError


def dimension_table(
    files: Sequence[Path],
    neighbours: int,
    controls: Sequence[int],
    most: int,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """The decimation curve of each file, then of cubes of the dimensions `controls` of the same shape.

    At most `most` points of a file are used. Columns: source (the file, or `cube of d`), known (d of a cube),
    and those of `decimation`. Raises PointsError for a file that cannot be read, and as `decimation`.
    """
    if not files:
        raise PointsError("name a file of points")
    if most < 1 or seed < 0:
        raise PointsError(f"points = {most}, seed = {seed}: must be at least 1 and 0")
    curves = [
        _named(decimation(some_points(path, most, seed), neighbours, level, seed), path.stem, None)
        for path in files
    ]
    shapes = dict.fromkeys((int(curve["points"][0]), int(curve["features"][0])) for curve in curves)
    cubes = [
        _named(decimation(uniform_cube(d, features, count, seed), neighbours, level, seed), f"cube of {d}", d)
        for count, features in shapes
        for d in controls
        if d <= features
    ]
    return pl.concat([*curves, *cubes])


def _named(curve: pl.DataFrame, source: str, known: int | None) -> pl.DataFrame:
    named = curve.with_columns(source=pl.lit(source), known=pl.lit(known, pl.Int64))
    return named.select("source", "known", *curve.columns)


def some_points(path: Path, most: int, seed: int) -> np.ndarray:
    """At most `most` points of a file, drawn at random. Raises PointsError as `read_points`."""
    points = read_points(path)
    return points[np.sort(np.random.default_rng(seed).permutation(len(points))[:most])]


def read_points(path: Path) -> np.ndarray:
    """The points of a file [n, D]: .npy, or the numeric columns of a .csv or .parquet table.

    Raises PointsError for another ending, a file that cannot be read, or one without numbers.
    """
    readers = {
        ".npy": lambda: np.load(path, allow_pickle=False),
        ".csv": lambda: _numeric(pl.read_csv(path)),
        ".parquet": lambda: _numeric(pl.read_parquet(path)),
    }
    if path.suffix not in readers:
        raise PointsError(
            f"{path} must end in .npy, .csv or .parquet; for a run: quarry activations {path} FILE.npy"
        )
    try:
        points = readers[path.suffix]()
    except (OSError, ValueError, EOFError, pl.exceptions.PolarsError) as error:
        raise PointsError(f"{path} cannot be read as points: {str(error).splitlines()[0]}") from None
    if points.ndim != 2 or not points.size or not np.issubdtype(points.dtype, np.number):
        raise PointsError(
            f"{path} holds {points.dtype} of shape {list(points.shape)}, not [points, features]"
        )
    return points


def _numeric(table: pl.DataFrame) -> np.ndarray:
    return table.select(pl.selectors.numeric()).to_numpy()
