"""The rules of the study `selection` on speeches: n6k, n25k, n99k and five U.

Command: quarry sweep selection/text
"""
