"""Rules for the learning rate of a size. muP and CompleteP are parametrizations of the model instead
(`model.parametrization`): they let one rate serve all sizes.
"""

import math

from quarry.checks import require


def kaplan_learning_rate(n_nonembedding: float) -> float:
    """The peak rate 0.003239 - 0.0001395 ln N for N non-embedding parameters (Kaplan 2020, 2001.08361, D.1).

    Found for Adam, a batch of half a million tokens and models of 0.8 thousand to 1.5 billion parameters.
    Raises ConfigError where it is not positive, from about 12 billion on.
    """
    require(n_nonembedding >= 1, f"a learning rate needs at least 1 parameter, not {n_nonembedding}")
    rate = 0.003239 - 0.0001395 * math.log(n_nonembedding)
    require(rate > 0, f"Kaplan's rule gives no positive rate for {n_nonembedding:.3g} parameters")
    return rate
