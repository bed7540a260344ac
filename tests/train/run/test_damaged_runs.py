"""Every file of a run directory damaged in every way: repaired, or one sentence.

`python -m tests.damaged_runs` is the long form, in which the damaged run is trained to its end.
docs/faults.md has its table.
"""

import shutil
from collections.abc import Iterator

import pytest

from quarry.errors import RecordError
from quarry.train.record.disk_space import usable
from quarry.train.record.points_table import points_table
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.locking import open_run
from quarry.train.run.loop import train
from tests.damaged_runs import FILES, FOLDERS, WAYS, Listener, make_runs, rows, strike
from tests.train.damages import DAMAGES, FOLDER_DAMAGES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory, cache):
    point, directories = make_runs(tmp_path_factory.mktemp("damaged"), cache)
    return point, directories, rows(directories["finished"])


def ways(name: str) -> Iterator[str]:
    return iter(FOLDER_DAMAGES if name in FOLDERS else WAYS)


@pytest.mark.parametrize("name", [name for name in FILES if "jsonl" not in name] + [*FOLDERS, "events.jsonl"])
def test_a_damaged_run_is_opened_repaired_or_refused(runs, tmp_path, name):
    point, directories, _ = runs
    for way in ways(name):

        def command(workdir, listener):
            run, say = RunDirectory(workdir / point.run), listener.say
            with usable(run.path), open_run(run, point.config, 60.0, say) as directory:
                directory.add_event("note", 1, "it can be written")
                directory.write_run(note=1)

        def right(run):
            return RunDirectory(run).read_run()["note"] == 1 and (run / "checkpoints").is_dir()

        word = strike(directories["half-way"], tmp_path / "strike", name, way, command, right)
        read = name in ("config.json", "run.json") and way != "unwritable"
        expected = ["repaired"] if read else ["-", "unharmed", "repaired", "refused"]
        assert word in expected, (way, word)


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_a_damaged_finished_run_keeps_its_rows(runs, tmp_path, cache, name):
    point, directories, whole = runs
    for way in ways(name):
        if name == "run.json" and way != "cut off":  # then the last checkpoint is read
            continue
        word = strike(
            directories["finished"],
            tmp_path / "strike",
            name,
            way,
            lambda workdir, listener: train(point, workdir, cache, listener),
            lambda run: rows(run) == whole,
        )
        assert word in ("-", "unharmed", "repaired", "refused"), (way, word)


@pytest.mark.parametrize("way", ["a bit flipped", "cut off", "a pipe"])
def test_a_damaged_log_is_trained_again(runs, tmp_path, cache, way):
    """A flipped bit is treated like a log that was cut off."""
    point, directories, whole = runs
    run, listener = tmp_path / point.run, Listener()
    shutil.copytree(directories["half-way"], run)
    WAYS[way](run / "metrics.jsonl")
    assert train(point, tmp_path, cache, listener) == "finished"
    assert "metrics.jsonl" in listener.said[0]
    assert rows(run) == whole


@pytest.mark.parametrize("name", ["run.json", "evals.jsonl"])
def test_a_table_of_a_damaged_run_names_the_file_and_the_remedy(runs, tmp_path, name):
    _, directories, _ = runs
    for way, damage in DAMAGES.items():
        run = tmp_path / way / "study" / "tiny"
        shutil.copytree(directories["finished"], run)
        damage(run / name)
        with pytest.raises(RecordError, match="the command that trained") as refused:
            points_table(run)
        assert name in str(refused.value), way
