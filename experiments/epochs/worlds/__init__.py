"""The ladder in a world whose floor is known: three sizes, three nested U; a quarter of a core-hour.

The text is a Markov chain of order 1 over 127 symbols: 16 thousand free parameters, between the first size
and the second. Rows come from a known Dirichlet prior, so L*(U) (`floor`) and the entropy rate are exact. A
context is 32 tokens, of which the source uses one; a pass over 2^16 tokens has 256 steps.

Command: quarry sweep epochs/worlds
"""

from quarry.experiments.epochs import Scale

CORPUS = "synthetic:bayes?order=1,symbols=127,zipf=0.5,concentration=8,tokens=4800000,seed=1"
SCALE = Scale(context=32, batch_tokens=256, evaluation_tokens=65_536)
