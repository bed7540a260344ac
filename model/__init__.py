"""The model: configuration, transformer, counting, sharding. It knows no data and no optimiser.

Start with `transformer.py`; `config.py` has every field of a model, `counting.py` its parameters and FLOPs.
"""
