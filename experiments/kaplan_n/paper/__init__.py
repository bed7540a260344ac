"""L(N) at the paper's sizes: 0.4 million to 1.5 billion parameters on C4, by 250 thousand steps.

C4 stands for WebText2, as many tokens of it. How the sizes divide into layers and widths is our choice, but
for the largest, 48 layers of 1,600.

Command: quarry sweep kaplan_n/paper; what it costs is in docs/results.md.
"""
