"""Contexts of 32 bytes.

Claim and expectation: see experiments/kaplan_context/__init__.py.
Command: quarry sweep experiments/kaplan_context/t32.py
"""

import quarry.experiments.kaplan_context as study

config = study.config(32)
variants = study.variants(32)
