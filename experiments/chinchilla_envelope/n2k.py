"""2 thousand parameters by four cosines whose lengths span a factor of 16.

Claim and expectation: see experiments/chinchilla_envelope/__init__.py.
Command: quarry sweep experiments/chinchilla_envelope/n2k.py
"""

from quarry.experiments.chinchilla_envelope import point, seeds, shorter

config = point(d_model=8)
variants = shorter(d_model=8) | seeds(d_model=8)
