"""From scale points to laws: points, fits, intervals, frontiers, figures, report."""

from analysis.fit import Fit, fit
from analysis.laws import LAWS, Law, find_law
from analysis.points import Points, PointsError, load_points
from analysis.selection import FitError

__all__ = ["LAWS", "Fit", "FitError", "Law", "Points", "PointsError", "find_law", "fit", "load_points"]
