"""The processor cores that this process may run on."""

import os


def available_cores() -> list[int]:
    """The cores this process may run on, by number."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
