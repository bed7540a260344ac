"""What the displays of a sweep and of a run say before the first logged step, and in a narrow terminal."""

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from quarry.train.launch.sweep_display import SweepDisplay
from quarry.train.record.progress import Bar
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.run_lock import RunLock


@pytest.fixture
def job(tmp_path):
    """A running job of one run of 10 steps, whose process has written nothing yet."""
    directory = RunDirectory(tmp_path / "study" / "point")
    directory.path.mkdir(parents=True)

    def trained() -> int:
        return 2

    run = SimpleNamespace(directory=directory, sizes=SimpleNamespace(steps=10), first=0, trained=trained)
    point = SimpleNamespace(run="study/point")
    return SimpleNamespace(point=point, runs=[run], directory=directory, state="running", cost=1.0)


def test_a_point_prepares_text_until_it_locks_its_run_then_compiles_until_it_logs_a_step(job):
    display = SweepDisplay([job], Console(quiet=True))

    def note() -> str:
        display.refresh()
        return display._progress.tasks[-1].fields["note"]

    assert note() == "preparing text"
    lock = RunLock(job.directory.path, "run")
    assert note() == "compiling"
    job.directory.metrics.write_text(json.dumps({"step": 2, "loss": 2.5, "tokens_per_second": 1000.0}) + "\n")
    assert note() == "loss 2.500, 1,000 tokens/s"
    lock.close()


def test_a_sweep_that_was_asked_to_stop_says_what_it_waits_for(job):
    display = SweepDisplay([job], Console(quiet=True))
    display.refresh(stopping=True)
    assert display._progress.tasks[0].fields["note"] == "0 of 1 points, stopping: the running points save"


def test_times_stay_whole_in_a_narrow_terminal(job):
    console = Console(width=80, force_terminal=True, file=io.StringIO())
    display = SweepDisplay([job], console)
    display.refresh(stopping=True)
    console.print(display._progress.make_tasks_table(display._progress.tasks))
    assert console.file.getvalue().count("0:00:00") == 2


def test_a_sweep_says_that_its_workers_start(job):
    job.state = "waiting"
    display = SweepDisplay([job], Console(quiet=True))
    display.refresh()
    assert display._progress.tasks[0].fields["note"] == "0 of 1 points, workers start"


def test_a_run_compiles_until_its_first_loss():
    bar = Bar(Console(quiet=True))
    bar.start("point", step=0, steps=10)
    assert bar._progress.tasks[0].fields["note"] == "compiling"
    bar.update(step=1, loss=2.5, tokens_per_second=1000.0)
    assert bar._progress.tasks[0].fields["note"] == "loss 2.500 1,000 tokens/s"
    bar.stop()
