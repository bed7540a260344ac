"""Any change to a saved fit: a plan by it, or one sentence that names the file and the field."""

import copy
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry import fit
from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.mixture import MIXTURE, mixed_params
from quarry.analysis.planning.budget import plan
from quarry.analysis.planning.next_runs import plan_next_runs
from quarry.analysis.planning.saved_fit import read_fit
from quarry.errors import FitError
from tests.analysis.designs import GRID
from tests.analysis.fuzzing import QUIET, attempt
from tests.analysis.quick import QUICK

VALUES = (
    None, True, "", "x", "1", -1, 0, 1, 2, 0.5, -1e308, 1e308, 1e-308, 10**400, 1e17, float("inf"), [], [1],
    [None], ["x"], [[1.0, 2.0]], {}, {"x": 1}, {"B_star": "x"}, "epochs", "kaplan-ns", "kaplan-n", "[/red]",
)  # fmt: skip


@pytest.fixture(scope="module")
def saved():
    return fit(GRID.table(seed=3), QUICK, bootstrap=100).to_json()


def paths(value, at=()):
    """Where a value may be changed; of a list its first entry."""
    places = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))[:1]
        if isinstance(value, list)
        else []
    )
    return [at, *(place for name, inner in places for place in paths(inner, (*at, name)))]


def changed(value, at, new, delete):
    if not at:
        return new
    value = copy.deepcopy(value)
    holder = value
    for name in at[:-1]:
        holder = holder[name]
    if delete:
        del holder[at[-1]]
    else:
        holder[at[-1]] = new
    return value


def use(path):
    surface = read_fit(path)
    shown = attempt(plan, surface, 1e21)
    if shown is not None:
        json.dumps(shown.to_json(), allow_nan=False)


def use_for_next_runs(path):
    return plan_next_runs(read_fit(path), 1, 1e18, "alpha")


@st.composite
def damaged(draw, value):
    """A saved fit with one or two of its values changed or gone."""
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.sampled_from(paths(value)))
        value = changed(value, at, draw(st.sampled_from(VALUES)), draw(st.booleans()))
        if not isinstance(value, dict):
            break
    return value


@pytest.mark.parametrize("read_and_use", [use, pytest.param(use_for_next_runs, marks=pytest.mark.slow)])
@QUIET
@given(st.data())
def test_any_change_to_a_saved_fit(tmp_path_factory, saved, read_and_use, data):
    path = tmp_path_factory.mktemp("fuzz") / "fit.json"
    path.write_text(json.dumps(data.draw(damaged(saved))))
    attempt(read_and_use, path)


DAMAGED = {
    "many draws": (
        lambda v: v["draws"].update({name: [1] * 100_001 for name in v["draws"]}),
        "100001 entries each",
    ),
    "draws far off": (
        lambda v: v["draws"]["alpha"].__setitem__(0, -1.0),
        r"draws\.alpha leaves its range",
    ),
    "draws of text": (
        lambda v: v["draws"]["alpha"].__setitem__(0, "1"),
        "something else than numbers",
    ),
    "frozen": (
        lambda v: v["diagnostics"].update(frozen=3),
        "frozen is not an object of parameters",
    ),
    "frozen of others": (
        lambda v: v["diagnostics"].update(frozen={"x": 1}),
        "frozen is not an object of parameters",
    ),
    "warnings": (
        lambda v: v.update(warnings=3),
        "warnings is missing or not a list of words",
    ),
    "inputs": (
        lambda v: v["diagnostics"].update(correlated_inputs=[]),
        "correlated_inputs is missing or not a number",
    ),
    "noise": (
        lambda v: v["diagnostics"].update(seed_noise=1e308),
        r"seed_noise = 1e\+308 is outside",
    ),
    "a huge integer": (
        lambda v: v["params"].update(alpha=10**400),
        r"params\.alpha is missing or not a number",
    ),
    "ends": (
        lambda v: v["interval"].update(alpha=[2, 1]),
        "its low end above its high one",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_fit_is_refused_by_its_field(name, saved, tmp_path):
    change, says = DAMAGED[name]
    value = copy.deepcopy(saved)
    change(value)
    (tmp_path / "fit.json").write_text(json.dumps(value))
    with pytest.raises(FitError, match=says):
        read_fit(tmp_path / "fit.json")


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
def test_weights_that_sum_to_something_else_are_refused(weight, saved, tmp_path):
    """Two laws as one: with none of the weight, or too much, there is no prediction."""
    value = copy.deepcopy(saved)
    laws = [LAWS[name] for name in ("chinchilla", "skaling")]
    own = {law.name: {p: value["params"].get(p, 1.0) for p in law.parameter_names} for law in laws}
    params = mixed_params({"chinchilla": weight, "skaling": 0.5}, own)
    value |= {"law": MIXTURE, "params": params, "draws": {}}
    value["diagnostics"]["members"] = list(own)
    value["interval"] |= {name: [None, None] for name in params}
    (tmp_path / "fit.json").write_text(json.dumps(value))
    with pytest.raises(FitError, match=rf"params\.weight\.\* sum to {weight + 0.5:g} instead of 1$"):
        read_fit(tmp_path / "fit.json")


def test_what_is_no_file_is_not_read(tmp_path):
    with (tmp_path / "large.json").open("wb") as large:
        large.truncate(10**8)  # of zeros that take no space
    with pytest.raises(FitError, match=r"^\S*large\.json is not a fit: it is larger than 50 MB$"):
        read_fit(tmp_path / "large.json")
    os.mkfifo(tmp_path / "fit.json")
    with pytest.raises(FitError, match="it is no regular file"):
        read_fit(tmp_path / "fit.json")
