"""3 million parameters on C4, 250 thousand steps.

Claim and expectation: see experiments/kaplan_n/__init__.py.
Command: quarry sweep experiments/kaplan_n/paper/n3m.py
"""

from quarry.experiments._scales import at_paper, paper_model

config = at_paper(paper_model(4, 256))
