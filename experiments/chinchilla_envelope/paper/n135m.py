"""135 million parameters by four cosines whose lengths span a factor of 16.

Claim and expectation: see experiments/chinchilla_envelope/__init__.py.
Command: quarry sweep experiments/chinchilla_envelope/paper/n135m.py
"""

from quarry.experiments.chinchilla_envelope import point, shorter
from quarry.experiments.chinchilla_isoflop import PAPER
from quarry.experiments.chinchilla_isoflop.paper import sharded

config = sharded(point(d_model=896, ladder=PAPER))
variants = {name: sharded(each) for name, each in shorter(d_model=896, ladder=PAPER).items()}
