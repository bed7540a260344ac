"""Which pieces a band keeps: the same share of each group of the shuffled pool.

Pieces are ranked within groups of consecutive ones, not over the whole pool. So what a prefix of the pool
gives does not depend on what follows: U1 < U2 are nested, and a run pays for scoring only the groups that its
U needed.
"""

import numpy as np

from quarry.train.config.selection import Rule


def choose(scores: np.ndarray, rule: Rule) -> np.ndarray:
    """Which of the pieces with these `scores` [pieces] the rule keeps, bool [pieces].

    low: the lowest `rule.keep` of each group, high: the highest, middle: as many around the median. Equal
    scores count in the order of the pool.
    """
    kept = np.zeros(len(scores), bool)
    if rule.band is None:
        return ~kept
    for first in range(0, len(scores), rule.group):
        ranked = first + np.argsort(scores[first : first + rule.group], kind="stable")
        size = max(1, round(rule.keep * len(ranked)))
        skip = {"low": 0, "middle": (len(ranked) - size) // 2, "high": len(ranked) - size}[rule.band]
        kept[ranked[skip : skip + size]] = True
    return kept


def reading_order(scores: np.ndarray, rule: Rule) -> np.ndarray:
    """The pieces [kept] that the rule keeps, in the order in which they are read, int64.

    Those that are up-sampled come again at the end of their group.
    """
    chosen = np.flatnonzero(choose(scores, rule))
    if not rule.upsample:
        return chosen
    read = np.concatenate([np.arange(len(scores)), chosen])
    return read[np.argsort(read // rule.group, kind="stable")]


def scanned(sizes: np.ndarray, rule: Rule) -> np.ndarray:
    """Tokens of the pool that were scored when each piece could be chosen, int64 [pieces], from the sizes."""
    total = np.cumsum(sizes)
    group = 1 if rule.band is None else rule.group
    last = np.minimum((np.arange(len(sizes)) // group + 1) * group, len(sizes)) - 1
    return total[last]
