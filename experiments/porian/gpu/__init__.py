"""The steps on one GPU, 0.4 to 85 million parameters; the other runs are those of chinchilla_isoflop/gpu.

Command: quarry sweep porian/gpu
"""
