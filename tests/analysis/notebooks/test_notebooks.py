"""The notebooks run from top to bottom, as a reader would run them."""

import json
import os
import re
import shlex
from itertools import product
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import polars as pl
import pytest
from nbclient import NotebookClient

from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.points.curves import save_results
from quarry.analysis.points.loading import load_points
from quarry.train.record.points_table import points_table
from quarry.train.record.schema import POINT_COLUMNS
from tests.analysis.epochs.one_law import one_law
from tests.analysis.notebooks.in_process import run_notebook
from tests.analysis.synthetic_runs import write_ladder, write_run
from tests.commands import quarry_here
from tests.conftest import ROOT
from tests.published import published

pytestmark = pytest.mark.slow

Output = dict[str, Any]
"""What a cell shows, by kind."""

NOTEBOOKS = ROOT / "analysis" / "notebooks"
COMMITTED = ROOT / "experiments" / "results" / "quickstart"
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory) -> Path:
    root = write_ladder(tmp_path_factory.mktemp("runs") / "quickstart")
    write_run(root / "n70000-hot", n=70_000, status="diverged")
    points_table(root).write_parquet(root / "points.parquet")  # as `quarry demo` does
    return root


def executed_by_a_kernel(name: str, **environment: str) -> list[Output]:
    """What the notebook shows, as a reader runs it, with these variables set; it must warn of nothing."""
    notebook = jupytext.read(NOTEBOOKS / name)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    client.execute(env=os.environ | {"PYTHONWARNINGS": "default"} | environment)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.text for output in shown if output.get("name") == "stderr"] == []
    return [output["data"] for output in shown if "data" in output]


def executed(name: str, **environment: str | None) -> list[Output]:
    """As `executed_by_a_kernel`, in this process; a variable that is None is unset."""
    return run_notebook(NOTEBOOKS / name, ROOT, **environment)


def pictures(notebook: list[Output]) -> list[str]:
    return [output["image/svg+xml"] for output in notebook if "image/svg+xml" in output]


def prose(notebook: list[Output]) -> str:
    """All that the notebook computed in words, with plain spaces."""
    words = [output["text/markdown"] for output in notebook if "text/markdown" in output]
    return "\n".join(words).replace("\u00a0", " ")


def test_the_first_ladder_reads_runs_draws_every_figure_and_states_the_fit(synthetic):
    notebook = executed_by_a_kernel("01_first_ladder.py", QUARRY_RUNS=str(synthetic))
    assert len(pictures(notebook)) == 5
    assert all(picture.count("<path") > 10 for picture in pictures(notebook))
    words = prose(notebook)
    assert r"$\alpha_N$ = 0.0" in words
    assert "interval of" in words
    assert "held-out extrapolation error" in words
    assert "| L_inf |" in words


def test_the_first_ladder_reads_the_small_result_tables_too(synthetic, tmp_path):
    results = COMMITTED
    if not (COMMITTED / "points.parquet").exists():
        results = tmp_path / "quickstart"
        save_results(synthetic, results)
    assert len(pictures(executed("01_first_ladder.py", QUARRY_RUNS=str(results)))) == 5


@pytest.fixture(scope="module")
def horizons(tmp_path_factory) -> Path:
    """A ladder with several sizes and several token counts."""
    root = tmp_path_factory.mktemp("runs") / "horizons"
    for seed, (n, tokens) in enumerate(product((8_000, 70_000, 600_000), (500_000, 2_000_000, 8_000_000))):
        write_run(root / f"n{n}-{tokens}", n=n, tokens=tokens, unique=10_000_000, seed=seed)
    return root


def test_kaplan_is_redrawn_from_constants_and_from_any_runs(horizons):
    notebook = executed("02_kaplan.py", QUARRY_RUNS=str(horizons))
    assert len(pictures(notebook)) == 14
    assert all(picture.count("<path") > 10 for picture in pictures(notebook))
    words = prose(notebook)
    assert "| Table 6 | 1.1 × 10⁴ |" in words
    assert "| eq. 6.7 | 1.1 × 10⁵ |" in words
    assert "2.376 (equation 1.1), 2.319 (Table 2) and 2.347 nats (Table 3)" in words
    assert "δL = 0.0213, 0.0211, 0.0210" in words
    assert "1.12M tokens, at 2 nats 7.74M" in words
    assert "10.1% above its converged loss" in words
    assert "2.7 times the parameters, but 0.13 of the steps and 0.35 of the compute" in words
    assert "0.0525 (from Table 3)" in words


def test_kaplan_says_what_the_committed_runs_cannot():
    if not (COMMITTED / "points.parquet").exists():
        pytest.skip("the quickstart tables are not in experiments/results")
    notebook = executed("02_kaplan.py", QUARRY_RUNS=str(COMMITTED))
    assert len(pictures(notebook)) == 14
    words = prose(notebook)
    assert "all have the same U" in words
    gains = re.findall(r"^\| 1\.\d+ \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|$", words, re.MULTILINE)
    assert len(gains) == 3
    assert all(float(low) <= float(gain) <= float(high) for gain, low, high in gains)


def interval_of(way: str, words: str) -> tuple[float, float, float]:
    """a, and its interval, in the last table of the three ways."""
    (row,) = re.findall(rf"^\| {way} \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|$", words, re.MULTILINE)
    a, low, high = map(float, row)
    return a, low, high


def test_chinchilla_without_published_points_says_so_and_finds_the_law_they_are_drawn_from():
    notebook = executed("03_chinchilla_three_ways.py", QUARRY_PUBLISHED=None)
    words = prose(notebook)
    assert "These are NOT Hoffmann's runs" in words
    assert "SYNTHETIC points" in words
    for way in ("envelope", "isoFLOP, Akima", "chinchilla", "skaling"):
        _, low, high = interval_of(way, words)
        assert low <= 0.5126 <= high
    assert len(pictures(notebook)) == 8


def test_chinchilla_on_published_points_repeats_the_critique():
    folder = published("chinchilla_234.csv").parent
    notebook = executed("03_chinchilla_three_ways.py", QUARRY_PUBLISHED=str(folder))
    words = prose(notebook)
    assert "SYNTHETIC" not in words
    assert "234 published points" in words
    for law, ratio in (("Hoffmann, as printed", 93), ("Hoffmann, before rounding", 59), ("Besiroglu", 18)):
        assert re.search(rf"^\| {law} \| .* \| {ratio} \| [+-]", words, re.MULTILINE)
    (runs,) = re.findall(r"would take about (\d+)k runs", words)
    assert int(runs) > 300
    summed, averaged = (
        float(factor) * 10 ** -int(power.translate(DIGITS))
        for factor, power in re.findall(
            r"^\| (?:summed|averaged) \| ([\d.]+) × 10⁻(\S) ", words, re.MULTILINE
        )
    )
    assert averaged > 1.05 * summed
    a, low, high = interval_of("chinchilla", words)
    assert low < a < high
    assert high - low > 20 * 0.001
    assert len(pictures(notebook)) == 8


def test_your_own_csv_finds_the_law_and_its_command_repeats_the_fit(tmp_path):
    notebook = executed("04_your_own_csv.py", QUARRY_CSV=None, TMPDIR=str(tmp_path))
    words = prose(notebook)
    assert len(pictures(notebook)) == 3
    assert "- 1: status diverged" in words
    assert "- 1: measured mid-schedule, not annealed" in words
    for name, truth in (("L_inf", 1.8172), ("alpha", 0.3478), ("beta", 0.3658)):
        ((low, high),) = re.findall(
            rf"^\| {name} \| [\d.]+ \| ([\d.]+) to ([\d.]+) \| {truth:.4g}", words, re.MULTILINE
        )
        assert float(low) <= truth <= float(high)
    assert "refused: chinchilla has 5 parameters" in words
    assert "as in a ladder of fixed tokens per parameter" in words
    (saved,) = tmp_path.rglob("fit.json")
    before = json.loads(saved.read_text())
    saved.unlink()
    (command,) = re.findall(r"^quarry fit .*--json .*$", words, re.MULTILINE)
    assert quarry_here(*shlex.split(command)[1:], cwd=tmp_path).returncode == 0
    assert json.loads(saved.read_text())["params"] == pytest.approx(before["params"])


def test_your_own_csv_may_be_a_ladder_that_no_fit_can_read(tmp_path):
    n = np.geomspace(1e7, 1e9, 10)
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(10))
    loss = (1.7 + 400 * n**-0.34 + 400 * (20 * n) ** -0.3) * noise
    pl.DataFrame({"N": n, "D": 20 * n, "loss": loss}).write_csv(tmp_path / "twenty.csv")
    words = prose(executed("04_your_own_csv.py", QUARRY_CSV=str(tmp_path / "twenty.csv")))
    assert "- N and E move together" in words
    assert words.count("| `") == words.count("| – | these runs cannot bound it |") > 0


SIZES, PASSES = (6_000, 25_000, 100_000, 400_000), (0.5, 1, 2, 4, 8, 16)
UNIQUE = (2**18, 2**20, 2**22)


def extracted(n: float, unique: float, k: float) -> float:
    """A loss of the essay's kind: what training leaves above the floor falls with E and with N."""
    return (1e9 / unique) ** 0.07 + 30 * n**-0.5 + 400 * (k * unique) ** -0.4 * n**-0.1


@pytest.fixture(scope="module")
def studied(tmp_path_factory) -> Path:
    """The points of a study of epochs: a trunk and its branches in each cell, and fresh runs."""
    rows = []
    for n, unique in product(SIZES, (*UNIQUE, 2**26)):
        fresh = unique not in UNIQUE
        for k in (2.0**-e for e in range(3, 8)) if fresh else PASSES:
            for annealed in (True, False):
                row = dict.fromkeys(POINT_COLUMNS) | {
                    "study": "epochs",
                    "status": "finished",
                    "annealed": annealed,
                }
                row |= {
                    "point": f"n{n}_u{unique}-k{k:g}" if annealed else f"n{n}_u{unique}",
                    "step": int(k * unique / 1024),
                }
                row |= {"n_nonembedding": n, "tokens": int(k * unique), "unique_tokens": unique, "epochs": k}
                row |= {
                    "split": "validation",
                    "vocab_size": 256,
                    "unigram_entropy": 3.5,
                    "loss": extracted(n, unique, k) + 0.05 * (not annealed),
                }
                rows.append(row)
    path = tmp_path_factory.mktemp("epochs") / "points.parquet"
    pl.from_dicts(rows, schema=POINT_COLUMNS).write_parquet(path)
    return path


def test_the_inconsistency_goes_from_the_two_laws_through_a_study_to_its_cells(studied):
    notebook = executed("05_inconsistency.py", QUARRY_EPOCHS=str(studied))
    words = prose(notebook)
    assert len(pictures(notebook)) == 9
    assert all(picture.count("<path") > 10 for picture in pictures(notebook))
    assert "| Table 6 | 1.12 × 10⁴ |" in words
    assert "| eq. 6.7 | 1.06 × 10⁵ |" in words
    assert "Kaplan, L(N, D) | 0.092 | 0.092 |" in words
    assert "| 10¹¹ | +5.8% |" in words
    assert "| 10¹² | -2.3% |" in words
    with one_law():
        found = study_epochs(load_points(studied, annealed_only=False), bootstrap=0)
    for n, name in ((SIZES[0], "6k"), (SIZES[-1], "400k")):
        once = extracted(n, UNIQUE[0], 1)
        excess = found.cells.filter(N=n, U=UNIQUE[0], k=1)["excess"][0]
        row = rf"^\| {name} \| 262k \| {once:.3f} \| .* \| {excess:.3g} \|"
        assert re.search(row, words, re.MULTILINE)
    assert all(f"{verdict.claim}: **" in words for verdict in found.verdicts)
    assert "12 cells of N and U with repeats, up to N = 400k and U = 4.19M" in words


def test_the_inconsistency_says_that_no_study_was_run(tmp_path):
    notebook = executed("05_inconsistency.py", QUARRY_EPOCHS=str(tmp_path / "points.parquet"))
    assert "The study has not been run" in prose(notebook)
    assert len(pictures(notebook)) == 6


def test_solvable_models_say_what_each_predicts_and_stand_beside_the_measured_runs():
    notebook = executed("06_solvable_models.py")
    assert len(pictures(notebook)) == 4
    assert all(picture.count("<path") > 10 for picture in pictures(notebook))
    words = prose(notebook)

    def first(name: str) -> float:
        """The number beside this name in the first table that has it."""
        return float(re.search(rf"^\| {name} \| (\S+) \|", words, re.MULTILINE)[1])

    assert first("400") < first("25.6k")
    assert first("1k") > 5 * first("64k")
    assert first("rare") == pytest.approx(0.6, abs=0.05)
    assert re.search(r"^\| measured \| -?\d[\d.]* \[", words, re.MULTILINE)
    assert "both positive by the same study: rare." in words
