"""The dry run of the benchmark of a GPU: a mistake must not wait for the one time that there is a GPU."""

import polars as pl
import pytest

from quarry.train.config.experiment import DataConfig
from tests.benchmarks import gpu
from tests.quick_compile import QUICK_COMPILE, quick_compile  # noqa: F401

CORPUS = DataConfig().corpus


@pytest.mark.slow
def test_every_part_measures(cache, monkeypatch, tmp_path):
    for name, value in ({"QUARRY_CACHE": str(cache)} | QUICK_COMPILE).items():
        monkeypatch.setenv(name, value)
    alone = {part: gpu.measure(part, gpu.TINY, CORPUS) for part in gpu.TINY.parts()[:-2]}
    output = tmp_path / "gpu.parquet"
    for part in gpu.TINY.parts()[-2:]:
        alone[part] = gpu.OwnProcess(CORPUS, output)(part, gpu.TINY, 120)
    assert alone.pop("resumed") == {"equal": True}
    assert all(value > 0 for row in alone.values() for name, value in row.items() if name != "gib")
    kernels = pl.read_csv(tmp_path / "gpu-kernels.csv")
    assert set(kernels["part"]) == {"kernels of 3k"}
    assert kernels["milliseconds"].sum() > 0
    assert kernels["operation"].str.contains("dot_general").any()


def test_the_table_has_what_was_measured_before_and_after_a_part_that_failed(tmp_path, capsys):
    def run(part, scale, seconds):
        if part == "corpus":
            raise RuntimeError("no room")
        return {"equal": True} if part == "resumed" else {"flops_per_second": 4.0, "tokens_per_second": 2.0}

    output = tmp_path / "gpu.parquet"
    assert gpu.write_rows(gpu.rows(gpu.TINY, run), output) == 1
    table = pl.read_parquet(output)
    assert table["part"].to_list() == gpu.TINY.parts()
    assert table.filter(part="corpus")["error"].item() == "no room"
    assert table.filter(part="3k")["share_of_product"].item() == 1.0
    assert gpu.write_rows(gpu.rows(gpu.TINY, run, budget=0.0), output) == 1
    assert pl.read_parquet(output)["error"].str.contains("left out").all()
    capsys.readouterr()


def test_a_part_that_cannot_run_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="took more than"):
        gpu.OwnProcess(CORPUS, tmp_path / "gpu.csv")("product", gpu.TINY, 0.01)
