"""A Transformer of 25 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/paper/transformer_n25m.py
    --workdir runs/kaplan_architectures
"""

from quarry.experiments._scales import at_paper, paper_model

config = at_paper(paper_model(8, 512))
