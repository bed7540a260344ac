"""The ladder for one GPU: 0.4 to 85 million parameters, nine budgets from 4e14 to 1e17 FLOPs, on lm1b.

What it costs is in docs/results.md; experiments/epochs/gpu says how lm1b is prepared.

Command: quarry sweep chinchilla_isoflop/gpu
"""
