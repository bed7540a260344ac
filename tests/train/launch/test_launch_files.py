"""Launch files for Cloud TPU: as the parsers of SkyPilot, Kubernetes, Kubeflow and xpk see them."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import jsonschema
import pytest
import yaml

from quarry.errors import ConfigError
from quarry.train.config.experiment import EvaluationConfig
from quarry.train.config.point_files import load_point_file
from quarry.train.launch.launch_files import label, texts_left_here
from quarry.train.launch.sky import sky_task
from quarry.train.launch.tpu_slices import TpuOptions, parse_slice
from tests.commands import quarry_here
from tests.conftest import ROOT
from tests.train.tiny import write_tiny

CLOUD_PYTHON = ROOT / ".cache" / "cloud" / "bin" / "python"
INSTALL = "make cloud-parsers"
SCHEMA = json.loads(Path(__file__).with_name("jobset_schema.json").read_text())
BUCKET = ["--tpu.bucket", "gs://my-bucket/ladders"]
IMAGE = ["--tpu.image", "us-docker.pkg.dev/project/repository/quarry:1"]


@pytest.fixture(scope="module")
def ask_parsers() -> Iterator[Callable[..., Any]]:
    """What cloud_check.py says, in one process where the parsers are installed: they import for seconds."""
    if not CLOUD_PYTHON.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"no SkyPilot and xpk here: {INSTALL}")
    command = [CLOUD_PYTHON, Path(__file__).with_name("cloud_check.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield partial(ask, process)


def ask(process: subprocess.Popen, kind: str, *words: object) -> Any:
    assert process.stdin
    assert process.stdout
    print(json.dumps([kind, *map(str, words)]), file=process.stdin, flush=True)
    late = Timer(120, process.kill)
    late.start()
    answer = json.loads(process.stdout.readline() or '{"error": "no answer"}')
    late.cancel()
    assert "error" not in answer, answer["error"]
    return answer["found"]


def test_text_that_the_hosts_do_not_have_is_told_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    point = load_point_file(write_tiny(tmp_path / "study"))[0]
    data = replace(point.config.data, corpus="mix:folder:/mine/texts=1+folder:texts=1+sotu=1")
    also = EvaluationConfig(also=(("a", "store:../tokens"), ("b", "store:gs://bucket/tokens"), ("c", "hf:x")))
    point = replace(point, config=replace(point.config, data=data, evaluation=also))
    assert texts_left_here([point, point]) == ["folder:/mine/texts", "store:../tokens"]


@pytest.fixture
def emit(cache, tmp_path):
    """Runs `quarry sweep study --emit ...` on a file of two points; returns the files, or the refusal."""
    write_tiny(tmp_path / "study", "Odd_name.v2")
    (tmp_path / "pyproject.toml").touch()

    def run(engine: str, *words: object, code: int = 0, study: object = "study"):
        done = quarry_here("sweep", study, "--emit", engine, *words, cwd=tmp_path, cache=cache)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else sorted((tmp_path / "launch").iterdir())

    return run


SKY = {
    "single host": (["--tpu.accelerator", "v5e-8"], "tpu-v5litepod-8", "v2-alpha-tpuv5-lite"),
    "pod slice": (
        ["--tpu.accelerator", "v5p-64", "--tpu.zone", "us-east5-a"],
        "tpu-v5p-64",
        "v2-alpha-tpuv5",
    ),
    "spot": (["--tpu.accelerator", "v6e:4x4", "--tpu.spot"], "tpu-v6e-16", "v2-alpha-tpuv6e"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SKY)
def test_skypilot_reads_its_tasks(emit, ask_parsers, case):
    words, accelerator, runtime = SKY[case]
    read = ask_parsers("sky", *emit("sky", *BUCKET, *words))
    assert len({task["name"] for task in read}) == 2
    for task in read:
        assert (task["accelerators"], task["runtime"], task["nodes"]) == ({accelerator: 1}, runtime, 1)
        assert task["spot"] == ("--tpu.spot" in words)
        assert task["recovery"]["recover_on_exit_codes"] == [75]
        assert (task["region"], task["zone"]) == (
            ("us-east5", "us-east5-a") if "--tpu.zone" in words else (None, None)
        )


@pytest.mark.slow
def test_skypilot_refuses_what_is_not_its_own(emit, ask_parsers):
    file = emit("sky", *BUCKET, "--tpu.accelerator", "v5e-8")[0]
    file.write_text(file.read_text().replace("use_spot", "use_spott"))
    with pytest.raises(AssertionError, match="use_spott"):
        ask_parsers("sky", file)


@pytest.mark.slow
def test_a_task_runs_its_point_with_the_bucket_as_a_folder(emit):
    variant, plain = (
        yaml.safe_load(file.read_text()) for file in emit("sky", *BUCKET, "--tpu.accelerator", "v5e-8")
    )
    commands = sorted((plain["run"].strip(), variant["run"].strip()), key=len)
    train = "exec ~/quarry-python/bin/quarry train study/Odd_name.v2.py"
    assert commands[0] == f"{train} --workdir /quarry-runs/ladders"
    assert commands[1] == f"{train} --variant seed1 --workdir /quarry-runs/ladders"
    assert plain["file_mounts"] == {"/quarry-runs": {"source": "gs://my-bucket", "mode": "MOUNT"}}
    assert subprocess.run(["bash", "-n"], input=plain["setup"] + plain["run"], text=True).returncode == 0


JOBSETS = {
    "single host": (["--tpu.accelerator", "v6e-8"], 1, 1, 8),
    "pod slice": (["--tpu.accelerator", "v5e:4x4", "--tpu.spot"], 1, 4, 4),
    "multislice": (["--tpu.accelerator", "v5p-64", "--tpu.slices", 3], 3, 8, 4),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", JOBSETS)
def test_kubernetes_knows_every_field_of_a_jobset(emit, ask_parsers, case):
    words, slices, hosts, chips = JOBSETS[case]
    files = emit("jobset", *BUCKET, *IMAGE, *words)
    for file in files:
        jobset = yaml.safe_load(file.read_text())
        jsonschema.validate(jobset, SCHEMA)
        (replicated,) = jobset["spec"]["replicatedJobs"]
        job = replicated["template"]["spec"]
        (container,) = job["template"]["spec"]["containers"]
        assert (replicated["replicas"], job["completions"], job["parallelism"]) == (slices, hosts, hosts)
        assert container["resources"]["limits"] == {"google.com/tpu": str(chips)}
        selector = job["template"]["spec"]["nodeSelector"]
        assert selector.get("cloud.google.com/gke-spot") == ("true" if "--tpu.spot" in words else None)
        host_name = f"{jobset['metadata']['name']}-slice-{slices - 1}-{hosts - 1}"
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", host_name)
    assert len(set(ask_parsers("jobset", *files))) == 2


@pytest.mark.slow
def test_a_field_that_kubernetes_or_jobset_does_not_know_is_refused(emit, ask_parsers):
    file = emit("jobset", *BUCKET, *IMAGE, "--tpu.accelerator", "v5e-8")[0]
    good = file.read_text()
    for field, misspelt in {"restartPolicy": "restartPolice", "onJobFailureReasons": "onFailure"}.items():
        file.write_text(good.replace(field, misspelt))
        with pytest.raises(AssertionError, match=misspelt):
            ask_parsers("jobset", file)


def test_slices_are_what_xpk_knows_them_to_be(ask_parsers):
    names = [f"v5litepod-{n}" for n in (16, 32, 64, 128, 256)] + [
        f"v6e-{n}" for n in (1, 4, 16, 32, 64, 128, 256)
    ]
    names += [f"v5p-{n}" for n in (8, 16, 32, 64, 128, 256, 384, 512, 1024, 4096, 12288)]
    ours = [parse_slice(name) for name in names]
    theirs = ask_parsers("slices", *names)
    for name, slice_, known in zip(names, ours, theirs, strict=True):
        assert slice_.name == name
        if known is not None:
            assert [slice_.topology, slice_.hosts, slice_.chips_per_host, slice_.generation.gke] == known
    assert sum(known is not None for known in theirs) >= 20


@pytest.mark.parametrize(
    ("accelerator", "name", "topology", "hosts"),
    [
        ("v5e-1", "v5litepod-1", "1x1", 1),
        ("tpu-v5litepod-8", "v5litepod-8", "2x4", 1),
        ("v5e:4x4", "v5litepod-16", "4x4", 4),
        ("v5p:4x4x2", "v5p-64", "2x4x4", 8),
        ("v5p-8", "v5p-8", "2x2x1", 1),
        ("v5p:16x20x28", "v5p-17920", "16x20x28", 2240),
    ],
)
def test_a_slice_has_a_name_a_topology_and_hosts(accelerator, name, topology, hosts):
    found = parse_slice(accelerator)
    assert (found.name, found.topology, found.hosts) == (name, topology, hosts)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"accelerator": "v4-8"}, "tpu.accelerator = 'v4-8' is not like"),
        ({"accelerator": "v5e-5"}, "Cloud TPU has no such slice; v5e has 1x1, 2x2"),
        ({"accelerator": "v5p-7"}, "Cloud TPU has no such slice; v5p has 2x2x1"),
        ({"accelerator": "v5p:4x4x5"}, "Cloud TPU has no such slice"),
        ({"accelerator": "v5p:0x4x4"}, "Cloud TPU has no such slice"),
        ({"accelerator": "v5e-8", "slices": 2}, "tpu.slices = 2: only slices of several hosts"),
        ({"bucket": "s3://mine"}, "tpu.bucket = 's3://mine' is not like gs://NAME"),
        ({"bucket": "gs://mine/../theirs"}, "tpu.bucket"),
        ({"zone": "Mars\n"}, "tpu.zone"),
        ({"slices": 0}, "tpu.slices must be at least 1, not 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        TpuOptions(**options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "words", "says"),
    [
        ("sky", BUCKET, "--emit needs --tpu.accelerator"),
        ("sky", ["--tpu.accelerator", "v5e-8"], "--emit needs --tpu.bucket"),
        ("jobset", [*BUCKET, "--tpu.accelerator", "v5e-8"], "--emit jobset needs --tpu.image"),
        ("sky", [*BUCKET, "--tpu.accelerator", "v5e-16", "--tpu.slices", 2], "for several, --emit jobset"),
        ("sky", [*BUCKET, "--tpu.accelerator", "v5p:4x4x16"], "SkyPilot takes the usual topology of v5p-512"),
        ("sky", ["--on", "slurm"], "--emit and --on slurm exclude each other"),
    ],
)
def test_launch_files_that_could_not_work_are_refused(emit, tmp_path, engine, words, says):
    assert says in emit(engine, *words, code=2)
    assert not (tmp_path / "launch").exists()


@pytest.mark.slow
def test_a_point_that_would_not_be_copied_is_refused(emit, tmp_path):
    words = [*BUCKET, "--tpu.accelerator", "v5e-8"]
    says = emit("sky", *words, code=2, study=ROOT / "experiments" / "quickstart")
    assert "is not below the current folder, which is what is copied" in says


@pytest.mark.parametrize("install", ["-e .[tpu,gcs]", "./dist/quarry.whl", "/opt/quarry[tpu]", ".."])
def test_a_folder_that_pip_cannot_install_on_the_hosts_is_refused(install, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = TpuOptions("v6e-8", bucket="gs://my-bucket", install=install)
    point = load_point_file(write_tiny(tmp_path / "study"))[0]
    with pytest.raises(
        ConfigError, match=r"pip cannot install .* --tpu.install 'quarry-scaling\[tpu,gcs\]'$"
    ):
        sky_task("name", point, "study/tiny.py", options)


def test_a_package_of_an_index_needs_no_project_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = TpuOptions("v6e-8", bucket="gs://my-bucket", install="quarry-scaling[tpu,gcs]")
    point = load_point_file(write_tiny(tmp_path / "study"))[0]
    task = sky_task("name", point, "study/tiny.py", options)
    assert "pip install 'quarry-scaling[tpu,gcs]'\n" in task["setup"]


@pytest.mark.slow
def test_labels_are_dns_labels_and_each_run_has_its_own():
    runs = [
        "a/b",
        "a/b_c",
        "a/b.c",
        "a/B-c",
        "9/1",
        f"study/{'x' * 200}",
        f"study/{'x' * 201}",
        "a/b-c",
        "a-b/c",
    ]
    labels = {label(run) for run in runs}
    assert len(labels) == len(runs)
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])", name) for name in labels)
