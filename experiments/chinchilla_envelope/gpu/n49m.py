"""49 million parameters by four cosines whose lengths span a factor of 16.

Claim and expectation: see experiments/chinchilla_envelope/__init__.py.
Command: quarry sweep experiments/chinchilla_envelope/gpu/n49m.py
"""

from quarry.experiments.chinchilla_envelope import point, shorter
from quarry.experiments.chinchilla_isoflop import GPU

config = point(d_model=640, ladder=GPU)
variants = shorter(d_model=640, ladder=GPU)
