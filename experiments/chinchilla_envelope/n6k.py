"""6 thousand parameters by four cosines whose lengths span a factor of 16.

Claim and expectation: see experiments/chinchilla_envelope/__init__.py.
Command: quarry sweep experiments/chinchilla_envelope/n6k.py
"""

from quarry.experiments.chinchilla_envelope import point, seeds, shorter

config = point(d_model=16)
variants = shorter(d_model=16) | seeds(d_model=16)
