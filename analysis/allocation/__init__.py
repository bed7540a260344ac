"""Compute-optimal sizes read off points without a law: the rooms behind allocate."""
