"""A width of 128.

Claims and expectation: see experiments/kaplan_transfer/longer/__init__.py.
Command: quarry sweep experiments/kaplan_transfer/longer/w128.py
"""

import quarry.experiments.kaplan_transfer.longer as study

config = study.config(128)
