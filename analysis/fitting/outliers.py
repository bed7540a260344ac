"""Points far from the law: whole runs, first evaluations of learning curves, or single points of a run."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.misfit import OUTLYING, typical
from quarry.text import plural

if TYPE_CHECKING:
    from quarry.analysis.fitting.search import Data

_NAMED = 5
"""So many runs are named."""

_PROGRESS = ("E", "S_min", "C")
"""The inputs that grow along a run, the surest first."""

_FAR = "more than six typical residuals from the law"


@dataclass(frozen=True)
class Strays:
    """So many points far from the law, of `runs` that are not far as a whole.

    `cut` is the condition of --exclude that leaves them out, where there is one.
    """

    points: int
    runs: list[str]
    cut: str = ""


@dataclass(frozen=True)
class Outliers:
    """What lies more than six typical residuals from the law.

    `runs` do with their median point, in the order of the points. `early` are the first points of other runs,
    `single` further points of them.
    """

    runs: list[str]
    early: Strays
    single: Strays

    def to_json(self) -> dict[str, Any]:
        """The keys of `diagnostics` in JSON."""
        strays = {"early_checkpoints": asdict(self.early), "single_outliers": asdict(self.single)}
        return {"outliers": self.runs, **strays}

    def warnings(self) -> Iterator[str]:
        """A sentence for each kind of outlier."""
        if self.runs:
            yield f"{plural(len(self.runs), 'run')} {_lie(len(self.runs))} {_FAR}: {_names(self.runs)}"
        if self.early.points:
            remedy = f' (--exclude "{self.early.cut}")' if self.early.cut else ""
            yield (
                f"{plural(self.early.points, 'early checkpoint')} of {plural(len(self.early.runs), 'run')} "
                f"{_lie(self.early.points)} {_FAR}, and the rest of the curves does not: the law is not one "
                f"of the first steps; leave them out{remedy}"
            )
        if self.single.points:
            yield (
                f"{plural(self.single.points, 'point')} of {_names(self.single.runs)} "
                f"{_lie(self.single.points)} {_FAR}, and the other points of the same runs do not"
            )


def find_outliers(data: "Data", params: np.ndarray) -> Outliers:
    """The outliers of the law at `params`.

    A run is judged by its median point, against the typical residual of points and of runs: one early
    checkpoint marks no run.
    """
    residuals = data.residuals(params)
    unit = typical(residuals, data.fitted)
    names, index = np.unique(data.runs, return_inverse=True)
    middle = np.array([np.median(residuals[index == i]) for i in range(len(names))])
    between = typical(middle, data.fitted) if len(names) > 2 * data.fitted else 0.0
    whole = _far(middle, max(unit, between))[index]
    stray = _far(residuals, unit) & ~whole
    early = stray & _from_the_start(data, stray)
    return Outliers(
        _listed(data, whole),
        Strays(int(early.sum()), _listed(data, early), _cut(data, early)),
        Strays(int((stray & ~early).sum()), _listed(data, stray & ~early)),
    )


def _far(residuals: np.ndarray, unit: float) -> np.ndarray:
    size = np.abs(residuals)
    return (size > OUTLYING * unit) & (size > 0) & (unit > 0)


def _listed(data: "Data", marked: np.ndarray) -> list[str]:
    """The runs of the marked points, in the order of the points."""
    return list(dict.fromkeys(data.runs[marked].tolist()))


def _from_the_start(data: "Data", stray: np.ndarray) -> np.ndarray:
    """Which points have only stray points before them in their run, themselves included: [points]."""
    early = np.zeros(len(stray), bool)
    progress = next((data.inputs[name] for name in _PROGRESS if name in data.inputs), None)
    if progress is None or data.n_runs == data.points:
        return early
    for run in np.unique(data.runs[stray]):
        rows = np.flatnonzero(data.runs == run)
        rows = rows[np.argsort(progress[rows], kind="stable")]
        early[rows] = np.logical_and.accumulate(stray[rows])
    return early


def _cut(data: "Data", early: np.ndarray) -> str:
    """The condition on E or E/N that leaves out the early points, and the fewest others."""
    tokens, n = data.inputs.get("E"), data.inputs.get("N")
    if tokens is None or not early.any():
        return ""
    scales = {"E": tokens} | ({} if n is None else {"E/N": tokens / n})
    ends = {name: float(f"{1.006 * values[early].max():.3g}") for name, values in scales.items()}
    name = min(scales, key=lambda name: int((scales[name] <= ends[name]).sum()))
    return f"{name}<{ends[name]:.3g}"


def _names(runs: list[str]) -> str:
    return ", ".join(runs[:_NAMED]) + (" and others" if len(runs) > _NAMED else "")


def _lie(points: int) -> str:
    return "lies" if points == 1 else "lie"
