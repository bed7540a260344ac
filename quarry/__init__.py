"""Quarry: a laboratory for neural scaling laws in JAX.

The public functions are here: `import quarry; quarry.fit("points.csv", "chinchilla")`. The rooms are
`quarry.experiments` (scale points), `quarry.model` (the transformer), `quarry.train` (runs and ladders) and
`quarry.analysis` (laws, and what follows from them). A name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from quarry.errors import FitError, LawError, PointsError, QuarryError

if TYPE_CHECKING:
    __version__: str
    from quarry.analysis.allocation.envelope import Envelope, fit_envelope
    from quarry.analysis.allocation.isoflop import IsoFlop, fit_isoflop
    from quarry.analysis.allocation.methods import Allocation, allocate
    from quarry.analysis.crossing.measured import find_crossing
    from quarry.analysis.crossing.merge import Merge, find_merge
    from quarry.analysis.crossing.result import CrossingResult
    from quarry.analysis.epochs.result import Epochs
    from quarry.analysis.epochs.study import study_epochs
    from quarry.analysis.fitting.comparison.cross_validation import leave_one_out
    from quarry.analysis.fitting.comparison.ranking import Comparison, compare
    from quarry.analysis.fitting.comparison.repeated_data import Rivals, compare_rivals
    from quarry.analysis.fitting.estimation import fit
    from quarry.analysis.fitting.profiles.likelihood import Profile, profile
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.catalog import LAWS, find_law
    from quarry.analysis.laws.kaplan_frontier import EfficientPlan, plan_efficient_run
    from quarry.analysis.laws.law import Law
    from quarry.analysis.laws.published import PUBLISHED, find_published
    from quarry.analysis.planning.budget import Plan, plan
    from quarry.analysis.planning.next_runs import NextRuns, plan_next_runs
    from quarry.analysis.points.loading import load_points
    from quarry.analysis.points.table import Points

_NAMES_OF_MODULE = {
    "allocation.envelope": ("Envelope", "fit_envelope"),
    "allocation.isoflop": ("IsoFlop", "fit_isoflop"),
    "allocation.methods": ("Allocation", "allocate"),
    "crossing.measured": ("find_crossing",),
    "crossing.merge": ("Merge", "find_merge"),
    "crossing.result": ("CrossingResult",),
    "epochs.result": ("Epochs",),
    "epochs.study": ("study_epochs",),
    "fitting.comparison.cross_validation": ("leave_one_out",),
    "fitting.comparison.ranking": ("Comparison", "compare"),
    "fitting.comparison.repeated_data": ("Rivals", "compare_rivals"),
    "fitting.estimation": ("fit",),
    "fitting.profiles.likelihood": ("Profile", "profile"),
    "fitting.result": ("Fit",),
    "laws.catalog": ("LAWS", "find_law"),
    "laws.kaplan_frontier": ("EfficientPlan", "plan_efficient_run"),
    "laws.law": ("Law",),
    "laws.published": ("PUBLISHED", "find_published"),
    "planning.budget": ("Plan", "plan"),
    "planning.next_runs": ("NextRuns", "plan_next_runs"),
    "points.loading": ("load_points",),
    "points.table": ("Points",),
}
_MODULE_OF_NAME = {
    name: f"quarry.analysis.{module}" for module, names in _NAMES_OF_MODULE.items() for name in names
}

__all__ = [
    "LAWS",
    "PUBLISHED",
    "Allocation",
    "Comparison",
    "CrossingResult",
    "EfficientPlan",
    "Envelope",
    "Epochs",
    "Fit",
    "FitError",
    "IsoFlop",
    "Law",
    "LawError",
    "Merge",
    "NextRuns",
    "Plan",
    "Points",
    "PointsError",
    "Profile",
    "QuarryError",
    "Rivals",
    "__version__",
    "allocate",
    "compare",
    "compare_rivals",
    "find_crossing",
    "find_law",
    "find_merge",
    "find_published",
    "fit",
    "fit_envelope",
    "fit_isoflop",
    "leave_one_out",
    "load_points",
    "plan",
    "plan_efficient_run",
    "plan_next_runs",
    "profile",
    "study_epochs",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("quarry-scaling")
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module 'quarry' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF_NAME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
