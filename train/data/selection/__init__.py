"""Choosing what is read: rules that pick pieces of the training documents before U is drawn.

A rule makes a token store of its own from that of the corpus: the same validation and test files, and a
training file of the pieces it keeps. U is a prefix of that file, so U1 < U2 are nested, and the order of
batches, resuming and sharding know nothing of rules. Read first `stores.py`, then `choosing.py`. Names and
options of rules: train/config/selection.py.
"""
