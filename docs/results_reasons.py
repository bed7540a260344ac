"""The sentence beside each verdict of docs/results.md; every number in it is a number of the page."""

from collections import defaultdict

WHY: dict[str, str] = defaultdict(str)
