"""The ladder of minutes: two sizes, two nested U, up to 8 passes, on speeches. It shows that all of it works;
its laws mean little.

Command: quarry sweep epochs/smoke
"""

CORPUS = "sotu"
