"""Contexts of 512 bytes.

Claim and expectation: see experiments/kaplan_context/__init__.py.
Command: quarry sweep experiments/kaplan_context/t512.py
"""

import quarry.experiments.kaplan_context as study

config = study.config(512)
variants = study.variants(512)
