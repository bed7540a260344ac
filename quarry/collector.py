"""Python's collector of cycles, which would look again and again through what JAX imports and traces.

All of that stays to the end of the process. The collector took a tenth of a start and, when a process that
has fitted a law ends, 0.2 s more (experiments/results/LOG.md).
"""

import atexit
import gc

_THRESHOLDS = 50_000, 20, 100


def collect_rarely() -> None:
    """Let the collector run rarely in this process."""
    gc.set_threshold(*_THRESHOLDS)


def leave_cycles() -> None:
    """Let the collector find nothing when this process ends: the memory goes back to the system anyway."""
    atexit.register(gc.freeze)  # registered early, so that it is called after what libraries register
