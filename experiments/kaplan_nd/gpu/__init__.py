"""L(N, D) on one GPU: 0.4 to 85 million parameters on 262 thousand to 34 million bytes of novels.

All sizes and numbers of passes are our choice.

Command: quarry sweep kaplan_nd/gpu, where the folder `novels` is
"""
