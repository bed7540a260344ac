"""L(C) on one GPU: 0.4 to 85 million parameters under one cosine over 34 million bytes of novels.

All sizes and lengths are our choice.

Command: quarry sweep kaplan_compute/gpu, where the folder `novels` is
"""
