"""Logs and exports of other trainers, in the words that they print, become points with their units."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX import SummaryWriter

from quarry.analysis.points.importing.read import Import, combined, import_points
from quarry.analysis.points.loading import load_points
from quarry.errors import PointsError
from tests.analysis.fuzzing import QUIET, attempt
from tests.commands import quarry_here

NANOCHAT = """Parameter counts:
wte                     : 8,388,608
value_embeds            : 67,108,864
lm_head                 : 8,388,608
transformer_matrices    : 201,328,128
scalars                 : 32
total                   : 285,214,240
Estimated FLOPs per token: 1.358964e+09
Total batch size 16,384 => gradient accumulation steps: 4
Step 00000 | Validation bpb: 3.228247
step 00000/200000 (0.00%) | loss: 9.012936 | lrm: 0.00 | dt: 1436.54ms | tok/sec: 11,405 | epoch: 1
step 00850/200000 (0.42%) | loss: 4.505882 | lrm: 0.43 | dt: 1342.45ms | epoch: 1step 00850/200
Step 02000 | Validation bpb: 1.329710
step 02000/200000 (1.00%) | loss: 3.710056 | lrm: 1.00 | dt: 1415.18ms | tok/sec: 11,577 | epoch: 1
"""
MAXTEXT = """Config param run_name: demo
number parameters: 15.933 billion
completed step: 0, seconds: 44.923, TFLOP/s/device: 17.022, Tokens/s/device: 1094.129, \
total_weights: 196608, loss: 12.038
completed step: 9, seconds: 5.667, TFLOP/s/device: 134.924, Tokens/s/device: 8672.758, \
total_weights: 196608, loss: 10.374
"""
HEADER = ("Step", *(f"{run} - val/loss{end}" for run in ("small-1", "big") for end in ("", "__MIN", "__MAX")))
PANEL = "\n".join(
    [",".join(f'"{name}"' for name in HEADER), "100,3.5,3.5,3.5,3.1,3.1,3.1", "200,3.4,3.4,3.4,,,"]
)
RUNS = """"Name","State","Created","num_params","tokens","val_loss"
"a","finished","2026-01-01","1000000","20000000","3.5"
"b","crashed","2026-01-01","2000000","20000000","9.5"
"c","running","2026-01-01","2000000","10000000","3.6"
"""  # fmt: skip


def written(tmp_path, name: str, text: str):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_log_of_nanochat_gives_its_held_out_losses_per_byte(tmp_path):
    table, notes = import_points(written(tmp_path, "d16.log", NANOCHAT))
    row = combined([table]).row(0, named=True)
    assert (len(combined([table])), row["run"], row["step"], row["E"]) == (1, "d16", 2000, 2000 * 16384)
    assert (row["N"], row["n_params"], row["n_head"]) == (201_328_160, 285_214_240, 8_388_608)
    assert row["loss"] == pytest.approx(1.329710 * math.log(2))
    assert row["C"] == pytest.approx(1.358964e9 * 2000 * 16384)
    assert notes[0].endswith("read as a log of nanochat: held-out losses in nats/byte")


def test_a_log_of_nanochat_without_validation_gives_its_training_losses(tmp_path):
    text = "".join(line + "\n" for line in NANOCHAT.splitlines() if "Validation" not in line)
    table, notes = import_points(written(tmp_path, "d16.log", text))
    assert combined([table])["step"].to_list() == [850, 2000]
    assert combined([table])["loss"].to_list() == [4.505882, 3.710056]
    assert "training losses in nats/token" in notes[0]


def test_a_log_of_maxtext_counts_its_steps_from_zero(tmp_path):
    table, _ = import_points(written(tmp_path, "log.txt", MAXTEXT))
    assert table.select("run", "N", "step", "E", "loss").rows() == [
        ("demo", 15.933e9, 1, 196608.0, 12.038),
        ("demo", 15.933e9, 10, 1966080.0, 10.374),
    ]
    text = MAXTEXT + "eval metrics after step: 9, loss=10.123, total_weights=98304.0\n"
    table, notes = import_points(written(tmp_path, "log.txt", text))
    assert table.select("step", "loss").rows() == [(10, 10.123)]
    assert "held-out losses in nats/token" in notes[0]


def test_losses_of_different_units_are_not_put_together(tmp_path):
    tables = [
        import_points(written(tmp_path, name, text))[0]
        for name, text in (("a.log", NANOCHAT), ("b.log", MAXTEXT))
    ]
    with pytest.raises(PointsError, match=r"differ in loss_unit \(nats/byte, nats/token\)"):
        combined(tables)


def test_a_panel_of_wandb_needs_the_sizes_that_it_lacks(tmp_path):
    path = written(tmp_path, "panel.csv", PANEL)
    with pytest.raises(PointsError, match=r"how many parameters its models have \(--params N\)"):
        import_points(path)
    with pytest.raises(PointsError, match=r"how many tokens were processed \(--tokens-per-step B\)"):
        import_points(path, Import(params=1e6))
    table, _ = import_points(path, Import(params=1e6, tokens_per_step=1000))
    rows = table.sort("run", "E").select("run", "N", "E", "loss").rows()
    assert rows == [("big", 1e6, 1e5, 3.1), ("small-1", 1e6, 1e5, 3.5), ("small-1", 1e6, 2e5, 3.4)]


def test_the_steps_of_a_panel_are_the_trainers_where_it_has_them(tmp_path):
    """`_step` counts calls of wandb.log: as optimiser steps it gave a hundredth of the tokens."""
    text = '"trainer/global_step","a - _step","a - _step__MIN","a - val/loss"\n"100","1","1","6.5"\n'
    table, notes = import_points(written(tmp_path, "p.csv", text), Import(params=1e6, tokens_per_step=1000))
    assert table["E"].to_list() == [1e5]
    assert notes[-1].endswith("read trainer/global_step as the steps")
    path = written(tmp_path, "panel.csv", PANEL)
    _, notes = import_points(path, Import(params=1e6, tokens_per_step=1000))
    assert notes[-1].endswith("read Step as the steps, which counts calls of wandb.log")


def test_a_table_of_runs_of_wandb_keeps_finished_ones(tmp_path):
    table, notes = import_points(written(tmp_path, "runs.csv", RUNS))
    assert table["status"].to_list() == ["finished", "failed", "running"]
    assert "read num_params as N, tokens as D, val_loss as loss" in notes[1]
    points = load_points(combined([table]))
    assert points.table.select("run", "N", "E", "loss").rows() == [("a", 1e6, 2e7, 3.5)]


def test_a_tensorboard_directory_is_a_run_per_folder(tmp_path):
    for name, loss in (("small", 3.5), ("big", 3.1)):
        with SummaryWriter(str(tmp_path / "tb" / name)) as writer:
            writer.add_scalar("eval/avg_loss", loss, 100)
            writer.add_scalar("train/loss", 4.0, 100)
    given = Import(params=2e6, tokens_per_step=1e4, loss="eval/avg_loss")
    table, notes = import_points(tmp_path / "tb", given)
    rows = table.sort("run").select("run", "N", "E", "loss").rows()
    assert rows == [("big", 2e6, 1e6, pytest.approx(3.1)), ("small", 2e6, 1e6, pytest.approx(3.5))]
    assert notes[0].endswith("read as TensorBoard events")


def test_a_torn_event_file_gives_its_whole_events(tmp_path):
    with SummaryWriter(str(tmp_path / "tb")) as writer:
        for step in (1, 2, 3):
            writer.add_scalar("loss", 3.0, step)
    (path,) = (tmp_path / "tb").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    table, _ = import_points(tmp_path / "tb", Import(params=1e6, tokens_per_step=10))
    assert table["E"].to_list() == [10.0, 20.0]
    path.write_bytes(path.read_bytes()[:60] + b"\x08\xff\xff\xff" + path.read_bytes()[64:])
    with pytest.raises(PointsError, match="damaged event"):
        import_points(tmp_path / "tb", Import(params=1e6, tokens_per_step=10))


def test_the_command_writes_points_that_are_fitted(tmp_path):
    written(tmp_path, "a.log", NANOCHAT)
    done = quarry_here("import", "a.log", "-o", "points.parquet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a.log: read as a log of nanochat" in done.stdout
    assert "1 point of 1 run -> points.parquet" in done.stdout
    assert len(load_points(tmp_path / "points.parquet").table) == 1
    assert pl.read_parquet(tmp_path / "points.parquet")["loss_unit"].to_list() == ["nats/byte"]


@QUIET
@given(st.sampled_from((NANOCHAT, MAXTEXT, PANEL, RUNS)), st.data())
def test_any_change_to_a_log_is_points_or_a_typed_error(tmp_path_factory, text, data):
    for _ in range(data.draw(st.integers(1, 4))):
        place, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 20))
        new = data.draw(st.sampled_from(("", "9" * 30, ".", "e99", ",", "\n", '"', "nan", " - ", text[:200])))
        text = text[:place] + new + text[place + length :]
    name = "fuzzed.csv" if "val" in text[:60] else "fuzzed.log"
    path = written(tmp_path_factory.mktemp("import"), name, text)
    attempt(lambda: combined([import_points(path, Import(params=1e6, tokens_per_step=1e3))[0]]))


@pytest.mark.parametrize("text", ["", "nothing of the kind\n", "a,b\n1,2\n"])
def test_what_holds_no_loss_is_refused(tmp_path, text):
    with pytest.raises(PointsError):
        import_points(written(tmp_path, "x.log", text))
    with pytest.raises(PointsError, match=r"^\S*absent\.log: no such file or directory$"):
        import_points(tmp_path / "absent.log")
