"""Approach 1 on one GPU: 0.4 to 85 million parameters by four cosines each, on lm1b.

Lengths end at the budgets of `chinchilla_isoflop/gpu`; experiments/epochs/gpu says how lm1b is prepared.

Command: quarry sweep chinchilla_envelope/gpu
"""
