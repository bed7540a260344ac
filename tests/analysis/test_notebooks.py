"""The notebooks run from top to bottom, as a reader would run them."""

import os
from collections.abc import Iterator
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from analysis.curves import save_results
from tests.analysis.synthetic_runs import write_ladder, write_run
from train.record import points_table

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "analysis" / "notebooks"
COMMITTED = ROOT / "experiments" / "results" / "quickstart"


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory) -> Path:
    root = write_ladder(tmp_path_factory.mktemp("runs") / "quickstart")
    write_run(root / "n70000-hot", n=70_000, status="diverged")
    points_table(root).write_parquet(root / "points.parquet")  # as `quarry demo` does
    return root


def executed(name: str, runs: Path) -> NotebookNode:
    notebook = jupytext.read(NOTEBOOKS / name)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    return client.execute(env=os.environ | {"QUARRY_RUNS": str(runs)})


def outputs(notebook: NotebookNode, kind: str) -> Iterator[str]:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if kind in output.get("data", {}):
                yield output["data"][kind]


def test_the_first_ladder_reads_runs_draws_every_figure_and_states_the_fit(synthetic):
    notebook = executed("01_first_ladder.py", synthetic)
    drawn = list(outputs(notebook, "image/svg+xml"))
    assert len(drawn) == 5
    assert all(picture.count("<path") > 10 for picture in drawn)
    prose = " ".join(outputs(notebook, "text/markdown"))
    assert r"$\alpha_N$ = 0.0" in prose
    assert "interval of" in prose
    assert "held-out extrapolation error" in prose
    assert "| L_inf |" in prose


def test_the_first_ladder_reads_the_small_result_tables_too(synthetic, tmp_path):
    results = COMMITTED
    if not (COMMITTED / "points.parquet").exists():
        results = tmp_path / "quickstart"
        save_results(synthetic, results)
    assert len(list(outputs(executed("01_first_ladder.py", results), "image/svg+xml"))) == 5
