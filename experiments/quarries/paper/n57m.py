"""57 million parameters on each large text, 250 thousand steps.

Claim and expectation: see experiments/quarries/__init__.py.
Command: quarry sweep experiments/quarries/paper/n57m.py
"""

import dataclasses

from quarry.experiments.henighan.paper import point
from quarry.experiments.quarries.paper import CORPORA
from quarry.train.config.experiment import Experiment


def on(corpus: str) -> Experiment:
    """The point on a corpus."""
    return dataclasses.replace(config, data=dataclasses.replace(config.data, corpus=corpus))


config = point(n_layers=8, d_model=768)
variants = {name: on(corpus) for name, corpus in CORPORA.items()}
