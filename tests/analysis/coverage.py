"""How often an interval must hold the truth in a test's few repeats."""

from scipy.special import bdtr


def fewest_held(repeats: int, level: float = 0.95, fails: float = 1e-4) -> int:
    """Intervals that hold the truth with probability `level` hold it less often once in 1 / `fails` tests."""
    return max(held for held in range(repeats + 1) if held == 0 or bdtr(held - 1, repeats, level) <= fails)
