"""Profile likelihoods. Start with `likelihood.py`.

`quantity.py` is what may be profiled, `threshold.py` how far its objective may rise, `curve.py` follows it.
"""
