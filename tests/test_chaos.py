"""A short version of the run through many faults; docs/faults.md has the long one."""

import os
import time

import pytest

from tests.chaos import Chaos

pytestmark = pytest.mark.slow


def test_a_run_survives_a_fault_of_every_kind(tmp_path):
    seed = int(os.environ.get("QUARRY_CHAOS_SEED", time.time_ns()))
    print(f"faults drawn from seed {seed}; set QUARRY_CHAOS_SEED to repeat them")
    chaos = Chaos(tmp_path, faults=8, seed=seed, steps_per_fault=60)
    try:
        table = chaos.all()
    finally:
        chaos.close()
    assert "equal bit for bit" in table, table
    if not chaos.mounted:
        pytest.skip("survived, without a full disk: only root may mount a small one: sudo make test")
