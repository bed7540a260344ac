"""The tables of docs/speed.md and docs/compile.md are those of the committed measurements."""

from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "experiments" / "results"
SPEED = (ROOT / "docs" / "speed.md").read_text()
COLUMNS = (
    *("quarry, 1 core", "quarry, a point on each core", "torch.compile, 1 core", "torch.compile, all cores"),
    "plain flax, all cores",
)


@pytest.mark.parametrize("name", ["cpu-2026-11-26", "cpu-2026-11-30-large", "cpu-2026-11-30-demo"])
def test_steps_on_a_cpu(name):
    table = pl.read_csv(RESULTS / "speed" / f"{name}.csv")
    shapes = table.pivot("contender", index="shape", values="tokens_per_second", maintain_order=True)
    for row in shapes.iter_rows(named=True):
        rates = " | ".join(f"{row[name]:,}" for name in COLUMNS)
        assert f"| {' x '.join(row['shape'].split('x'))}, " in SPEED
        assert f"| {rates} |" in SPEED


def test_points_in_one_program():
    table = pl.read_csv(RESULTS / "speed" / "stacked-2026-11-26.csv")
    members = table.pivot("parameters", index="members", values="tokens_per_second", maintain_order=True)
    for members_in_one, *rates in members.iter_rows():
        assert f"| {members_in_one} | {' | '.join(f'{rate:,}' for rate in rates)} |" in SPEED


def test_steps_on_a_gpu():
    table = pl.read_csv(RESULTS / "speed" / "gpu-2026-11-29.csv")
    for row in table.filter(pl.col("compile_seconds").is_not_null()).iter_rows(named=True):
        rate = f"{row['tokens_per_second']:,} | {row['flops_per_second'] / 1e12:.0f}"
        rest = f"{row['share_of_product']:.1%} | {row['gib']:.1f} GiB | {row['compile_seconds']:.0f} s"
        assert f"| {row['part']} |" in SPEED
        assert f"| {rate} | {rest} |" in SPEED
    shares = table["share_of_product"].drop_nulls().sort()
    words = f"{shares[0]:.0%} to {shares[-2]:.0%} of the rate of large products"
    assert words in " ".join((ROOT / "README.md").read_text().split())


def test_the_second_gpu():
    table = pl.read_csv(RESULTS / "speed" / "gpu-2026-11-29-second.csv")
    for row in table.drop_nulls("tokens_per_second").iter_rows(named=True):
        flops = f"{row['flops_per_second'] / 1e12:.0f} " if row["flops_per_second"] else ""
        assert f"{row['part'].removesuffix(' in one program')}" in SPEED
        assert f"| {row['tokens_per_second']:,} | {flops}|" in SPEED
    assert table.filter(part="resumed")["equal"].item()


def test_predicted_steps_on_tpus():
    page = (ROOT / "docs" / "compile.md").read_text()
    for row in pl.read_csv(RESULTS / "compile" / "roofline.csv").iter_rows(named=True):
        shares = f"{row['utilisation_least']:.0%} to {row['utilisation_most']:.0%}"
        (line,) = (
            line
            for line in page.splitlines()
            if line.startswith(f"| {row['point']} | {row['slice']} | {row['remat']} | ")
        )
        assert f"| {row['gib_per_device']:.3g} |" in line
        assert line.endswith(f"| {shares} |")
