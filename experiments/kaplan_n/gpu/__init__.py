"""L(N) on one GPU: 0.4 to 85 million parameters, four passes over 34 million bytes of novels.

All sizes and numbers of passes are our choice.

Command: quarry sweep kaplan_n/gpu, where the folder `novels` is
"""
