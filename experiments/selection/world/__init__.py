"""The rules of the study `selection` on a Markov source: n6k, n25k and five U.

Command: quarry sweep selection/world
"""
