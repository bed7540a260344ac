"""Approach 1 at the paper's budgets, to 3e21 FLOPs: 49 million to 15.5 billion parameters, four cosines each.

C4 stands for MassiveText, which is not public. Larger models have their layers scanned and recomputed, and
their state over 64 devices, as in `chinchilla_isoflop/paper`.

Command: quarry sweep chinchilla_envelope/paper; what it costs is in docs/results.md.
"""
