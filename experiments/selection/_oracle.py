"""The oracle of the Bayes world: what a document is worth to a learner that knows the source."""

import numpy as np

from quarry.experiments.selection import UNIQUE
from quarry.train.data.selection.pieces import Pieces, means
from quarry.train.data.store import TokenStore
from quarry.train.data.synthetic.bayes import Bayes
from quarry.train.data.synthetic.world import symbols_of

AT = UNIQUE["u32k"]
"""The U at which the oracle counts what another visit to a context is worth."""


def visit_values(world: Bayes, unique: int) -> np.ndarray:
    """How much one more visit to each context lowers the loss after U tokens, up to a factor [contexts].

    The excess of context c is about pi_c (V - 1) / (2 (n_c + A)), A the concentration: its slope in n_c.
    """
    share = world.chain.stationary
    return share / (unique * share + world.concentration) ** 2


def oracle(store: TokenStore, pieces: Pieces, world: Bayes, unique: int = AT) -> np.ndarray:
    """The mean value of a token of each piece, by the context that it is a visit to, float64 [pieces]."""
    symbols = symbols_of(np.asarray(store.tokens("train")), world.symbols)[None]
    return means(visit_values(world, unique)[world.chain.contexts(symbols)[0]], world.order, pieces)
