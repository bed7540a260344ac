"""The step through the real TPU compiler, and what is read off its program."""

import json
import math
import os
import re

import jax
import jax.numpy as jnp
import pytest

from quarry.console import make_console
from quarry.errors import ConfigError, RecordError
from quarry.model.config import modern
from quarry.model.counting import flops_exact, forward_flops
from quarry.model.sharding import make_mesh
from quarry.train.commands.compile import CompileOptions, report_compilation
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import load_point_file
from quarry.train.inspect.chips import CHIPS, devices_of
from quarry.train.inspect.compile import Report
from quarry.train.inspect.hlo import Program
from quarry.train.inspect.jaxpr_flops import product_flops
from quarry.train.run.programs import make_train_step
from quarry.train.run.step import abstract_state, step_scalars
from tests.commands import quarry
from tests.conftest import ROOT

LIBTPU, CUDA = ROOT / ".cache" / "libtpu", ROOT / ".cache" / "cuda"


def test_a_report_of_a_tiny_step_has_numbers_to_read(monkeypatch, capsys):
    report = Report("h100", 1, "data 1", "none", *[2**10] * 4, 2**33, 10**9, 10**8, {}, {}, 10**6, 1.0)
    monkeypatch.setattr("quarry.train.commands.compile.compile_step", lambda *_: report)
    assert report_compilation(Experiment(), "h100", CompileOptions(), make_console())
    printed = capsys.readouterr().out
    assert re.search(r"arguments, per device +1\.00 KiB", printed)
    assert re.search(r"products, at the chip's peak +1\.01 µs", printed)


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, capsys):
    report = Report("h100", 1, "data 1", "none", *[1] * 4, 2**33, 10**15, 10**14, {}, {}, 10**9, 1.0)
    monkeypatch.setattr("quarry.train.commands.compile.compile_step", lambda *_: report)
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"cannot write .*/file/report\.json"):
        report_compilation(
            Experiment(), "h100", CompileOptions(json=tmp_path / "file" / "report.json"), make_console()
        )
    assert report_compilation(
        Experiment(), "h100", CompileOptions(json=tmp_path / "new" / "a.json"), make_console()
    )
    assert json.loads((tmp_path / "new" / "a.json").read_text())["devices"] == 1


@pytest.fixture
def compile_for(cache, tmp_path):
    """Runs `quarry compile experiments/tpu/FILE ...` as users type it, beside the TPU and CUDA compilers."""
    for folder, command in ((LIBTPU, "make tpu-compiler"), (CUDA, "make cuda-compiler")):
        if not (folder / "installed").exists() and os.environ.get("CI") != "true":
            pytest.skip(f"no compiler in {folder}: {command}")

    def run(file: str, target: str, *words: object):
        words = ("compile", ROOT / "experiments/tpu" / file, "--for", target, *words)
        packages = (CUDA,) if target.startswith("h") else (LIBTPU,)
        return quarry(cache, *words, cwd=tmp_path, timeout=900, packages=packages)

    return run


PROGRAM = """
HloModule step

%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %sum = f32[] add(%a, %b)
}

%layer (state: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %whole = (f32[2,4]{1,0}, bf16[8,4]{1,0}) all-gather-start(%piece), replica_groups={}, dimensions={0}
  %summed = f32[8,4]{1,0} all-reduce(%x), to_apply=%add
  %layers = f32[6,100]{1,0} get-tuple-element(%state), index=1
  %near = f32[1,100]{1,0:T(8,128)S(1)} fusion(%layers, %i), kind=kLoop, calls=%fused
  %mixed = f32[8]{0} custom-call(%near), custom_call_target="__cudnn$fmhaSoftmax"
}

%fused (whole: f32[6,100], i: s32[]) -> f32[1,100] {
  %whole = f32[6,100]{1,0} parameter(0)
  %i = s32[] parameter(1)
  ROOT %piece = f32[1,100]{1,0} dynamic-slice(%whole, %i, %zero), dynamic_slice_sizes={1,100}
}

%before_six (state: (s32[], f32[8,4])) -> pred[] {
  %six = s32[]{:T(128)} constant(6)
  ROOT %less = pred[] compare(%i, %six), direction=LT
}

ENTRY %main (p: f32[8,4]) -> f32[8,4] {
  %loop = (s32[], f32[8,4]) while(%init), condition=%before_six, body=%layer
  ROOT %all = f32[8]{0} all-reduce(%y), to_apply=%add
}
"""


def test_collectives_of_a_loop_are_multiplied_out():
    assert Program(PROGRAM).collectives() == {"all-gather": (6, 6 * 64), "all-reduce": (7, 6 * 128 + 32)}


def test_collectives_inside_fusions_count():
    inside = PROGRAM.replace(
        "ROOT %piece = f32[1,100]{1,0} dynamic-slice(%whole, %i, %zero), dynamic_slice_sizes={1,100}",
        "ROOT %piece = f32[1,100]{1,0} all-to-all(%whole)",
    )
    assert Program(inside).collectives()["all-to-all"] == (6, 6 * 400)


def test_memory_traffic_counts_pieces_and_leaves_out_what_is_near():
    layer = (
        (2 * 4 * 4 + 2 * 8 * 4) + 8 * 4 * 4 + 100 * 4 + 8 * 4
    )  # gathered, reduced, read by the fusion, mixed
    assert Program(PROGRAM).memory_traffic() == 6 * layer + 8 * 4


def test_kernels_of_a_loop_are_multiplied_out():
    assert Program(PROGRAM).kernels() == {"__cudnn$fmhaSoftmax": 6}


def test_a_loop_whose_count_the_compiler_knows_runs_as_often():
    known = PROGRAM.replace("body=%layer", 'body=%layer, backend_config={"known_trip_count":{"n":"9"}}')
    assert Program(known).collectives()["all-gather"] == (9, 9 * 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scan", "remat", "forwards"), [(False, "none", 3), (True, "none", 3), (True, "full", 4)]
)
def test_product_flops_are_forward_passes_multiplied_out(scan, remat, forwards):
    model = modern(64, 3, 2, context=16, vocab_size=128, scan_layers=scan, remat=remat)
    experiment = Experiment(model=model, batch_tokens=64, micro_batch_tokens=16)
    mesh = make_mesh(experiment.mesh)
    rows = jax.ShapeDtypeStruct((4, 16), jnp.int32)
    step = make_train_step(experiment, mesh)
    traced = step.trace(abstract_state(experiment, mesh), rows, rows, step_scalars(experiment, 0.0))
    parts = forward_flops(model, halve_causal=False)
    blocks = sum(parts[name] for name in ("qkv", "attention", "project", "feed_forward"))
    again = (forwards - 3) * (blocks - parts["feed_forward"] // 2)  # nothing needs the last product again
    assert product_flops(traced.jaxpr.jaxpr) == 64 * (3 * blocks + again + 3 * parts["head"])


def test_a_chip_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="no such chip; there are v4, v5e, v5p, v6e, h100"):
        devices_of("v9:2x2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "words", "says"),
    [
        ("v5e:3x5", (), "--for v5e:3x5: no such slice"),
        ("h100:9", (), "--for h100:9: GPUs are named like h100 or h100:8"),
        ("v5e:2x2", (), "mesh.fsdp = 16, mesh.tensor = 1: they need a multiple of 16 devices, not 4"),
        ("v6e:4x4", ("--mesh.fsdp", 8, "--mesh.tensor", 2), "mesh 1 x 8 x 2 does not lie on these devices"),
    ],
)
def test_bad_slices_and_meshes_are_refused_in_a_sentence(compile_for, target, words, says):
    done = compile_for("b1_v5e16.py", target, *words)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


SMALL = ("--model.d-model", 128, "--model.n-heads", 1, "--model.n-layers", 6, "--model.context", 128)
SMALL += ("--model.vocab-size", 512, "--batch-tokens", 1024, "--micro-batch-tokens", 128, "--mesh.fsdp", 4)


@pytest.mark.slow
def test_a_small_point_of_the_recipe_fits_by_the_real_compiler(compile_for, tmp_path):
    done = compile_for("b1_v5e16.py", "v5e:2x2", *SMALL, "--json", "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fits on v5e:2x2" in done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["devices"] == 4
    assert report["total"] < CHIPS["v5e"].memory
    layer = 4 * 12 * 2 * 128**2 - 8 * 128**2  # forward twice, but for the last product, and backward as two
    attention = (2 + 2 + 3 + 4) * 2 * 128**2  # products: forward twice, for queries, for keys and values
    assert report["flops"] == pytest.approx(1024 * (6 * (layer + attention) + 3 * 2 * 128 * 512), rel=1e-3)
    assert report["flops"] > report["model_flops"]
    assert report["collectives"]["all-gather"][0] > 6  # more than one for each layer
    assert report["kernels"]["tpu_custom_call"] == 6 * 2 * 4  # layers, passes; forward twice, two backward
    assert 0 < report["utilisation"][0] < report["utilisation"][1] < 1


GPU = ("--model.remat", "none", "--mesh.fsdp", 1, "--micro-batch-tokens", "None", "--model.d-model", 128)
GPU += ("--model.n-heads", 2, "--model.head-dim", 64, "--model.n-layers", 3, "--batch-tokens", 16384)


@pytest.mark.slow
def test_a_gpu_attends_by_cudnn_and_never_holds_all_logits(compile_for, tmp_path, monkeypatch):
    """8 sequences of 2,048 under 32,768 words: all logits together would be 2 GiB in fp32."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "programs"))
    done = compile_for("b1_v5e16.py", "h100", *GPU, "--json", "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "report.json").read_text())
    assert not list(tmp_path.glob("programs/*"))  # without the device it could not be read again
    assert found["kernels"] == {"__cudnn$fmhaSoftmax": 3, "__cudnn$fmhaSoftmaxBackward": 3}
    assert found["temporaries"] < 2**31
    assert found["flops"] == found["model_flops"] + 16384 * 2 * 2048 * 128 * 3 // 2  # flash: scores twice


DEEP = ("--model.architecture", "universal", "--model.n-layers", 3000, "--model.d-model", 32)
DEEP += ("--model.n-heads", 1, "--model.head-dim", 32, "--model.context", 32, "--model.vocab-size", 32)
DEEP += ("--model.no-qk-norm", "--model.position", "learned", "--model.tied", "--compare-remat")


@pytest.mark.slow
def test_the_rematerialisation_that_is_fastest_and_fits_is_chosen(compile_for, tmp_path):
    """In fp32, for which cuDNN has no attention; a block of few kernels, which compile fast, 3,000 times."""
    large = (*DEEP, "--model.compute-dtype", "float32", "--json", "report.json")
    done = compile_for("b1_v5e16.py", "h100", *GPU, *large)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["kernels"] == {}
    rows = re.findall(
        r"^(none|full|dots) +[\d.]+ GiB(, too much)? .* to ([\d.]+) (m?s) ", done.stdout, re.MULTILINE
    )
    assert [name for name, too_much, *_ in rows if too_much] == ["none"]
    seconds = {name: float(time) / (1e3 if unit == "ms" else 1) for name, _, time, unit in rows}
    best = min(set(seconds) - {"none"}, key=seconds.__getitem__)
    assert f"model.remat = {best}" in done.stdout


@pytest.mark.parametrize("name", ["b1_v5e16", "b8_v5p32", "b8_v5p6144"])
def test_kept_reports_are_of_the_points_as_they_are(name):
    (point,) = load_point_file(ROOT / f"experiments/tpu/{name}.py")
    report = json.loads((ROOT / f"experiments/results/compile/{name}.json").read_text())
    assert report["model_flops"] == flops_exact(point.config.model) * point.config.batch_tokens
    assert f"fsdp {point.config.mesh.fsdp} x tensor {point.config.mesh.tensor}" in report["mesh"]
    assert report["devices"] == math.prod(map(int, re.findall(r"\d+", report["mesh"])))
    assert report["fits"]
