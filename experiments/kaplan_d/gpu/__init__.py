"""L(D) on one GPU: 25 million parameters on 0.5 to 34 million bytes of novels.

The size and the numbers of passes are our choice.

Command: quarry sweep kaplan_d/gpu, where the folder `novels` is
"""
