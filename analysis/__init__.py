"""From scale points to laws, and what follows from them.

Points (`load_points`), laws (`LAWS`, `find_law`, `PUBLISHED`), fits (`fit`, `profile`, `compare`, `rivals`),
and what follows: `allocate` (`envelope`, `isoflop`), `efficient_plan`, `crossing`, `merge`, `plan`,
`next_points`.
"""

from analysis.allocate import Allocation, allocate
from analysis.allocation.envelope import Envelope, envelope
from analysis.allocation.isoflop import IsoFlop, isoflop
from analysis.compare import Comparison, compare, leave_one_out
from analysis.crossing import CrossingResult, crossing
from analysis.crossings.merging import Merge, merge
from analysis.fit import Fit, fit
from analysis.kaplan import EfficientPlan, efficient_plan
from analysis.laws import LAWS, Law, find_law
from analysis.next_points import NextPoints, next_points
from analysis.plan import Plan, plan
from analysis.points import Points, PointsError, load_points
from analysis.profile import Profile, profile
from analysis.published import PUBLISHED, find_published
from analysis.rivals import Rivals, rivals
from analysis.selection import FitError

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
    "Merge",
    "NextPoints",
    "Plan",
    "Points",
    "PointsError",
    "Profile",
    "Rivals",
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
