"""Each tracker stores the scalars it is given; none needs the network."""

import json
import subprocess
import sys

import pytest

from quarry.errors import ConfigError
from quarry.train.record import trackers as tracking
from tests.commands import environment
from tests.conftest import ROOT

WANDB = """
import sys
from pathlib import Path
from quarry.train.record.trackers import open_trackers
(writer,) = open_trackers(("wandb",), Path(sys.argv[1]))
for step in (1, 2):
    writer.write_scalars(step, {"loss": 3.0 / step})
writer.close()
"""

TRACKIO = """
import json, sys
from pathlib import Path
from quarry.train.record.trackers import open_trackers
(writer,) = open_trackers(("trackio",), Path(sys.argv[1]))
for step in (1, 2):
    writer.write_scalars(step, {"loss": 3.0 / step})
writer.close()
from trackio.sqlite_storage import SQLiteStorage
print("LOGS", json.dumps([[row["step"], row["loss"]] for row in SQLiteStorage.get_logs("study", "point")]))
"""


def run_code(code, run, cache, **variables):
    environ = environment(cache) | variables
    done = subprocess.run(
        [sys.executable, "-c", code, run], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_wandb_offline(tmp_path, cache):
    run = tmp_path / "study" / "point"
    run.mkdir(parents=True)
    run_code(WANDB, run, cache, WANDB_MODE="offline", WANDB_SILENT="true")
    (file,) = run.rglob("run-study-point.wandb")
    assert b"loss" in file.read_bytes()
    assert b"1.5" in file.read_bytes()


@pytest.mark.slow
def test_trackio_locally(tmp_path, cache):
    run = tmp_path / "study" / "point"
    run.mkdir(parents=True)
    out = run_code(TRACKIO, run, cache, TRACKIO_DIR=str(tmp_path / "trackio"))
    assert json.loads(out.split("LOGS")[1].splitlines()[0]) == [[1, 3.0], [2, 1.5]]


def test_a_missing_tracker_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(tracking.MODULES, "wandb", "no_such_module")
    with pytest.raises(ConfigError, match=r"wandb is not installed; pip install 'quarry-scaling\[wandb\]'"):
        tracking.require_trackers(("wandb",))
