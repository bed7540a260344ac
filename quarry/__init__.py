"""Quarry: a laboratory for neural scaling laws in JAX.

The public verbs are here: `import quarry; quarry.fit("points.csv", "chinchilla")`. The rooms:
`quarry.experiments`
(scale points), `quarry.model` (the transformer), `quarry.train` (runs and ladders), `quarry.analysis` (laws
and
what follows from them). Each imports only when it is used.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from quarry.errors import FitError, LawError, PointsError, QuarryError

__version__ = version("quarry-scaling")

if TYPE_CHECKING:
    from quarry.analysis.allocation.envelope import Envelope, envelope
    from quarry.analysis.allocation.isoflop import IsoFlop, isoflop
    from quarry.analysis.allocation.methods import Allocation, allocate
    from quarry.analysis.crossing.measured import CrossingResult, crossing
    from quarry.analysis.crossing.merge import Merge, merge
    from quarry.analysis.fitting.comparison import Comparison, compare, leave_one_out
    from quarry.analysis.fitting.estimation import Fit, fit
    from quarry.analysis.fitting.profiles.likelihood import Profile, profile
    from quarry.analysis.fitting.rivals import Rivals, rivals
    from quarry.analysis.laws.catalog import LAWS, Law, find_law
    from quarry.analysis.laws.kaplan_frontier import EfficientPlan, efficient_plan
    from quarry.analysis.laws.published import PUBLISHED, find_published
    from quarry.analysis.planning.budget import Plan, plan
    from quarry.analysis.planning.next_runs import NextPoints, next_points
    from quarry.analysis.points.table import Points, load_points

_HOMES = {
    "allocation.envelope": ("Envelope", "envelope"),
    "allocation.isoflop": ("IsoFlop", "isoflop"),
    "allocation.methods": ("Allocation", "allocate"),
    "crossing.measured": ("CrossingResult", "crossing"),
    "crossing.merge": ("Merge", "merge"),
    "fitting.comparison": ("Comparison", "compare", "leave_one_out"),
    "fitting.estimation": ("Fit", "fit"),
    "fitting.profiles.likelihood": ("Profile", "profile"),
    "fitting.rivals": ("Rivals", "rivals"),
    "laws.catalog": ("LAWS", "Law", "find_law"),
    "laws.kaplan_frontier": ("EfficientPlan", "efficient_plan"),
    "laws.published": ("PUBLISHED", "find_published"),
    "planning.budget": ("Plan", "plan"),
    "planning.next_runs": ("NextPoints", "next_points"),
    "points.table": ("Points", "load_points"),
}
_MODULE_OF = {name: f"quarry.analysis.{module}" for module, names in _HOMES.items() for name in names}

__all__ = [
    "LAWS",
    "PUBLISHED",
    "Allocation",
    "Comparison",
    "CrossingResult",
    "EfficientPlan",
    "Envelope",
    "Fit",
    "FitError",
    "IsoFlop",
    "Law",
    "LawError",
    "Merge",
    "NextPoints",
    "Plan",
    "Points",
    "PointsError",
    "Profile",
    "QuarryError",
    "Rivals",
    "__version__",
    "allocate",
    "compare",
    "crossing",
    "efficient_plan",
    "envelope",
    "find_law",
    "find_published",
    "fit",
    "isoflop",
    "leave_one_out",
    "load_points",
    "merge",
    "next_points",
    "plan",
    "profile",
    "rivals",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'quarry' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
