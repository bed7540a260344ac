"""Each tracker stores the scalars it is given; none needs the network."""

import json
import struct
import subprocess
import sys

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from quarry.errors import ConfigError
from quarry.train.record import trackers as tracking
from quarry.train.record.run_directory import RunDirectory
from tests.commands import environment
from tests.conftest import ROOT

WANDB = """
import sys
from pathlib import Path
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.trackers import open_trackers
directory = RunDirectory(Path(sys.argv[1]))
(writer,) = open_trackers(("wandb",), directory, 0)
for step in (1, 2):
    writer.write_scalars(step, {"loss": 3.0 / step})
writer.close()
"""

TRACKIO = """
import json, sys
from pathlib import Path
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.trackers import open_trackers
directory = RunDirectory(Path(sys.argv[1]))
(writer,) = open_trackers(("trackio",), directory, 0)
for step in (1, 2):
    writer.write_scalars(step, {"loss": 3.0 / step})
writer.close()
from trackio.sqlite_storage import SQLiteStorage
name = "point-" + directory.read_run()["tracking_id"]
print("LOGS", json.dumps([[row["step"], row["loss"]] for row in SQLiteStorage.get_logs("study", name)]))
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
    identity = RunDirectory(run).read_run()["tracking_id"]
    (file,) = run.rglob(f"run-study-point-{identity}.wandb")
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
    with pytest.raises(ConfigError, match=r"wandb is not installed; pip install -e '.\[wandb\]'"):
        tracking.require_trackers(("wandb",))


class Recorded:
    """A module like W&B that keeps what `init` is given."""

    __name__ = "wandb"

    def init(self, **settings):
        self.settings = settings


def test_a_run_keeps_its_identity_and_another_of_its_name_has_another(tmp_path):
    first, second = (RunDirectory(tmp_path / place / "study" / "point") for place in "ab")
    identities = []
    for directory in (first, first, second):
        directory.path.mkdir(parents=True, exist_ok=True)
        module = Recorded()
        tracking.HostedWriter(module, directory)
        identities.append(module.settings["id"])
    assert identities[0] == identities[1] != identities[2]


def test_tensorboard_hides_the_steps_that_a_killed_process_logged_after_its_checkpoint(tmp_path):
    directory = RunDirectory(tmp_path / "study" / "point")
    for last in (0, 2):  # the first process logs three steps; the second goes on from step 2
        (writer,) = tracking.open_trackers(("tensorboard",), directory, last)
        for step in (last + 1, last + 2, last + 3):
            writer.write_scalars(step, {"loss": 1.0})
        writer.close()
    files = sorted(directory.path.glob("tensorboard/*"), key=lambda file: file.stat().st_mtime_ns)
    starts = [
        (event.step, event.session_log.status)
        for event in read_events(files[-1])
        if event.HasField("session_log")
    ]
    assert starts == [(3, SessionLog.START)]  # TensorBoard leaves out what earlier files say from there on


def read_events(file):
    """The events of a TensorBoard file: records of a length, its checksum, the data and its checksum."""
    data, place = file.read_bytes(), 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        yield Event.FromString(data[place + 12 : place + 12 + length])
        place += 16 + length
