"""A full disk stops a run in one sentence; with room again it goes on, to the same curve."""

import subprocess
import sys

import pytest

from quarry.train.record.files import read_jsonl
from quarry.train.record.run_directory import RunDirectory
from tests.commands import quarry
from tests.conftest import ROOT
from tests.train.run.test_loop import rows_of
from tests.train.tiny import write_tiny


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1.5 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(disk)]
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk: sudo make test")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(tmp_path, cache, small_disk):
    steps = 400
    write_tiny(tmp_path / "study", steps=steps, every=0.1)
    words = ("train", "study/tiny.py", "--workdir")
    seldom = ("--checkpoint.every-seconds", 60)
    assert quarry(cache, *words, "whole", *seldom, cwd=tmp_path).returncode == 0
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 1_300_000)
    stopped = quarry(cache, *words, "disk/runs", cwd=tmp_path)
    assert stopped.returncode == 1
    assert "Traceback" not in stopped.stderr
    assert "error: no space left for disk/runs/study/tiny: " in stopped.stderr
    assert "make room and run the same command again" in stopped.stderr
    directory = RunDirectory(small_disk / "runs/study/tiny")
    assert directory.status() == "failed"
    assert len(read_jsonl(directory.metrics)) < steps // 2
    ballast.unlink()
    done = quarry(cache, *words, "disk/runs", *seldom, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert rows_of(directory) == rows_of(RunDirectory(tmp_path / "whole/study/tiny"))


STRAGGLER = """
import asyncio
import tensorstore
from quarry.train.hosts.workarounds import apply_workarounds

apply_workarounds()

async def leave_a_write():
    promise, write = tensorstore.Promise.new()
    async def wait():
        await write
    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0.01)
    return promise, waiting

loop = asyncio.new_event_loop()
promise, waiting = loop.run_until_complete(leave_a_write())
loop.close()
promise.set_result(1)

class Other:
    def __del__(self):
        raise RuntimeError("of another kind")

other = Other()
del other
"""


def test_writes_that_end_after_the_one_that_failed_say_nothing():
    done = subprocess.run([sys.executable, "-c", STRAGGLER], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Event loop is closed" not in done.stderr
    assert "of another kind" in done.stderr
