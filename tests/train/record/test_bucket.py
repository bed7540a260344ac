"""Runs on gs://, against the emulator: killed, damaged, resumed elsewhere; one process at a time."""

import contextlib
import dataclasses
import importlib.util
import re
import shutil
import time
from pathlib import Path

import polars as pl
import pytest

from quarry.errors import ConfigError, LeaseLost
from quarry.train.record import bucket, lease
from quarry.train.record.bucket import Folder, bucket_address
from quarry.train.record.files import read_jsonl
from quarry.train.record.lease import Lease
from quarry.train.record.locations import COPIES, BucketDirectory, hold_lease
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import FILES
from quarry.train.run.loop import train
from tests.commands import quarry, start
from tests.train.launch.slurm_cluster import wait_until
from tests.train.record.emulator import BUCKET, serving
from tests.train.run.test_loop import rows_of
from tests.train.run.test_vanishing import Witness
from tests.train.tiny import tiny_point, write_tiny

STEPS = 1000
RUN = "runs/study/tiny"


@pytest.fixture
def cache(tmp_path):
    """A cache of the test's own: copies of the one bucket's runs lie in it, and another test removes them."""
    return tmp_path / "cache"


@pytest.fixture
def emulator(monkeypatch):
    """The storage of an emulator that this process and its children use."""
    with serving() as (variables, storage):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        bucket._client.cache_clear()
        yield storage
    bucket._client.cache_clear()


def object_names(storage) -> list[str]:
    """The names of the objects of the bucket."""
    return list(storage.objects.get(BUCKET, {}))


def whole_checkpoints(storage) -> list[int]:
    pattern = re.compile(rf"{RUN}/checkpoints/(\d+)/commit_success.txt")
    return sorted(int(match[1]) for match in map(pattern.fullmatch, object_names(storage)) if match)


def flip_a_bit(name: str) -> None:
    """Flip a bit in the middle of the largest object in a folder of the run."""
    blobs = Folder(f"gs://{BUCKET}/{RUN}/{name}")._bucket.list_blobs(prefix=f"{RUN}/{name}/")
    blob = max(blobs, key=lambda blob: blob.size)
    content = bytearray(blob.download_as_bytes())
    content[len(content) // 2] ^= 0x10
    blob.upload_from_string(bytes(content))


def kill_once_saved_twice(storage, cache: Path, folder: Path, *words) -> None:
    process = start(cache, "train", "study/tiny.py", *words, cwd=folder)
    while len(whole_checkpoints(storage)) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_killed_and_damaged_run_resumes_from_the_bucket_alone(tmp_path, cache, emulator):
    write_tiny(tmp_path / "study", steps=STEPS, every=0.3)
    rarely = ("--checkpoint.every-seconds", 60)
    whole = start(cache, "train", "study/tiny.py", *rarely, cwd=tmp_path)
    words = ("--workdir", f"gs://{BUCKET}/runs", "--heartbeat-timeout", 5)
    kill_once_saved_twice(emulator, cache, tmp_path, *words)
    newest = whole_checkpoints(emulator)[-1]
    assert newest < STEPS, "the run ended before the kill: give it more steps"
    flip_a_bit(f"checkpoints/{newest}/state")
    shutil.rmtree(cache / COPIES)

    done = quarry(cache, "train", "study/tiny.py", *words, *rarely, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"study/tiny: finished, in gs://{BUCKET}/{RUN}" in done.stdout
    assert "waiting up to 5 s" in done.stdout
    assert f"the checkpoint of step {newest} is set aside in gs://" in done.stdout

    shutil.rmtree(cache / COPIES)
    kept = RunDirectory(tmp_path / "kept")
    Folder(f"gs://{BUCKET}/{RUN}").fetch_below(FILES, kept.path)
    assert whole.communicate()[1] == ""
    assert rows_of(kept) == rows_of(RunDirectory(tmp_path / RUN))
    assert (kept.status(), kept.metrics.with_suffix(".parquet").exists()) == ("finished", True)
    assert [(row["event"], row["step"]) for row in read_jsonl(kept.events)] == [("damaged", newest)]
    assert any(f"checkpoints/damaged-{newest}/" in name for name in object_names(emulator))
    assert f"{RUN}/.lock" not in object_names(emulator)

    assert quarry(cache, "points", f"gs://{BUCKET}/runs", "-o", "p.csv", cwd=tmp_path).returncode == 0
    evals = read_jsonl(RunDirectory(tmp_path / RUN).evals)
    assert pl.read_csv(tmp_path / "p.csv")["loss"].to_list() == [row["loss"] for row in evals]


@pytest.mark.parametrize(("place", "copy"), [("s3://b/runs", "aws s3 sync"), ("az://b/runs", "rclone sync")])
def test_other_storage_is_refused_with_a_workaround(tmp_path, cache, place, copy):
    with pytest.raises(ConfigError, match=f"{place}: runs are kept .* `{copy} runs {place}`"):
        bucket_address(Path(place))


@pytest.mark.slow
def test_the_command_line_refuses_other_storage(tmp_path, cache):
    write_tiny(tmp_path / "study")
    done = quarry(cache, "train", "study/tiny.py", "--workdir", "s3://b/runs", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: s3://b/runs: runs are kept in a folder or on gs://")
    assert not list(tmp_path.glob("s3*"))


def test_local_paths_are_no_addresses():
    assert [bucket_address(Path(path)) for path in ("runs", "/a/b:c", "./gs", "..")] == [None] * 4
    assert bucket_address(Path("gs://b/runs/")) == "gs://b/runs"


def test_gs_without_gcsfs_is_refused_with_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"gs:// needs gcsfs: pip install -e '.\[gcs\]'"):
        bucket_address(Path("gs://b/runs"))


def test_a_missing_bucket_is_refused(tmp_path, emulator):
    directory = BucketDirectory(tmp_path, Folder("gs://nowhere/runs/a/b"))
    message = "gs://nowhere/runs/a/b cannot be used: there is no such bucket"
    with pytest.raises(ConfigError, match=message), hold_lease(directory, None, 60, print, print):
        raise AssertionError


@pytest.fixture
def folder(emulator, monkeypatch) -> Folder:
    monkeypatch.setattr(lease, "SHORTEST_SECONDS", 0.1)
    return Folder(f"gs://{BUCKET}/{RUN}")


def take_lease(folder: Folder, seconds: float, dead: str | None = None) -> tuple[Lease, list[str]]:
    losses, waits = [], []
    made = Lease(folder, seconds, losses.append)
    made.take(dead, waits.append)
    return made, losses


@pytest.mark.slow
def test_a_run_of_another_process_is_refused(folder):
    holder, losses = take_lease(folder, 4.0)
    with pytest.raises(ConfigError, match=f"another process is training in gs://{BUCKET}/{RUN}, on "):
        take_lease(folder, 4.0)
    holder.release()
    assert losses == []
    take_lease(folder, 4.0)[0].release()


def stop(holder: Lease) -> None:
    """Leave the lease as a killed process does: no renewal, no release."""
    holder._ended.set()
    holder._keeper.join()
    holder._ended.clear()


@pytest.mark.slow
def test_an_expired_lease_is_taken_over_and_its_former_holder_cannot_upload(folder, tmp_path):
    holder, _ = take_lease(folder, 0.5)
    stop(holder)
    began = time.monotonic()
    successor, _ = take_lease(folder, 60)
    assert time.monotonic() - began >= 0.5
    former = BucketDirectory(tmp_path, folder, holder)
    with pytest.raises(LeaseLost, match="another process is training"):
        former.write_run(status="failed")
    former.write_run(status="failed")  # it knows that it lost the lease
    assert f"{RUN}/run.json" not in blob_names(folder)
    successor.release()


def blob_names(folder: Folder) -> list[str]:
    return [blob.name for blob in folder._bucket.list_blobs()]


def test_the_lease_of_a_process_known_to_be_dead_is_taken_at_once(folder):
    holder, _ = take_lease(folder, 60)
    stop(holder)
    successor, _ = take_lease(folder, 60, dead=holder.holder)
    with contextlib.suppress(LeaseLost):
        holder.renew()
    assert not holder.is_held
    successor.release()


def test_a_holder_notices_that_it_has_lost_the_run(folder):
    holder, losses = take_lease(folder, 0.4)
    folder.blob(".lock").delete()
    until = time.monotonic() + 20
    while not losses and time.monotonic() < until:
        time.sleep(0.02)
    assert losses == [f"another process is training in gs://{BUCKET}/{RUN}"]
    assert not holder.is_held


def test_a_lost_answer_to_a_renewal_does_not_lose_the_lease(folder):
    holder, losses = take_lease(folder, 60)
    holder._generation = 1
    holder.renew()
    holder.renew()
    assert holder.is_held
    holder.release()
    assert (losses, blob_names(folder)) == ([], [])


def test_what_vanishes_from_the_bucket_is_uploaded_again(folder, tmp_path):
    holder, _ = take_lease(folder, 60)
    directory = BucketDirectory(tmp_path, folder, holder)
    directory.write_config({"a": 1})
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events").write_text("x")
    directory.write_run(status="running")
    assert directory.restore(thoroughly=True) == []
    names = ["config.json", "run.json", "tensorboard/events"]
    before = [folder.blob(name).download_as_bytes() for name in names]
    folder.blob("config.json").delete()
    folder.send("run.json", b"")
    folder.blob("tensorboard/events").delete()
    assert sorted(directory.restore()) == names
    directory.send()
    assert [folder.blob(name).download_as_bytes() for name in names] == before
    assert directory.restore() == []
    assert folder.listing()[1] == {"tensorboard"}
    holder.release()


@pytest.mark.slow
def test_a_run_whose_objects_are_deleted_meanwhile_is_whole_in_the_end(tmp_path, cache, emulator):
    folder, point = Folder(f"gs://{BUCKET}/{RUN}"), tiny_point(tmp_path / "study")
    policy = dataclasses.replace(point.config.checkpoint, at_tokens=(4 * point.config.batch_tokens,))
    point = dataclasses.replace(point, config=dataclasses.replace(point.config, checkpoint=policy))
    assert train(point, tmp_path / "runs", cache, Quiet()) == "finished"

    def delete():
        wait_until(lambda: whole_checkpoints(emulator), 60, "a whole checkpoint")
        for name in blob_names(folder):
            if not name.endswith(".lock"):
                folder._bucket.blob(name).delete()

    witness = Witness(14, delete)
    assert train(point, Path(f"gs://{BUCKET}/runs"), cache, witness) == "finished"
    kept = RunDirectory(tmp_path / "kept")
    folder.fetch_below(FILES, kept.path)
    assert rows_of(kept) == rows_of(RunDirectory(tmp_path / RUN))
    assert (kept.status(), kept.config.exists()) == ("finished", True)
    assert {row["event"] for row in read_jsonl(kept.events)} == {"restored"}
    assert any("config.json" in sentence for sentence in witness.said)
    assert any("checkpoint" in sentence for sentence in witness.said)

    folder.blob("evals.jsonl").delete()
    assert train(point, Path(f"gs://{BUCKET}/runs"), cache, Witness(0, print)) == "finished"
    folder.fetch_below(FILES, kept.path)
    assert rows_of(kept) == rows_of(RunDirectory(tmp_path / RUN))
