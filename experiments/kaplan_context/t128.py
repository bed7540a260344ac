"""Contexts of 128 bytes.

Claim and expectation: see experiments/kaplan_context/__init__.py.
Command: quarry sweep experiments/kaplan_context/t128.py
"""

import quarry.experiments.kaplan_context as study

config = study.config(128)
variants = study.variants(128)
