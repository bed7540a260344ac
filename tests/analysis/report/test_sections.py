"""The laws of a page: one of a single input is no law of runs in which sizes and tokens vary apart."""

import numpy as np
import polars as pl
import pytest

from quarry.analysis.report.sections import law_section
from quarry.analysis.report.source import read_source


def isoflop(tokens_per_parameter: bool):
    """Ten sizes at two budgets, or twenty tokens for each parameter."""
    n = np.geomspace(1e5, 1e6, 5)
    sizes = np.concatenate([n, 3.1 * n])
    tokens = 20 * sizes if tokens_per_parameter else np.repeat([1e13, 1e14], 5) / (6 * sizes)
    return {"N": sizes, "E": tokens, "loss": 1.7 + 300 / sizes**0.4 + 1000 / tokens**0.4}


@pytest.mark.parametrize("law", ["kaplan-n", "power-offset"])
def test_a_law_of_n_does_not_mix_sizes_with_tokens(tmp_path, law):
    pl.DataFrame(isoflop(tokens_per_parameter=False)).write_csv(tmp_path / "apart.csv")
    pl.DataFrame(isoflop(tokens_per_parameter=True)).write_csv(tmp_path / "ladder.csv")
    section = law_section(read_source(tmp_path / "apart.csv"), law, bootstrap=0, seed=0)
    assert section.fit is None
    assert "would mix them" in section.error
    assert law_section(read_source(tmp_path / "ladder.csv"), law, bootstrap=0, seed=0).fit is not None
