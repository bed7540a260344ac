"""Every public function of `quarry` is documented, and its examples run."""

import doctest
import inspect
import re

import pytest

import quarry

pytestmark = pytest.mark.slow

FUNCTIONS = sorted(name for name in quarry.__all__ if inspect.isfunction(getattr(quarry, name)))


def test_the_public_functions_are_found():
    assert {"fit", "load_points", "plan", "study_epochs"} <= set(FUNCTIONS)


def test_every_public_name_is_imported_on_use_and_listed():
    for name in quarry.__all__:
        assert getattr(quarry, name) is not None
        assert name in dir(quarry)
    with pytest.raises(AttributeError, match="has no attribute 'absent'"):
        quarry.absent  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_names_arguments_result_errors_and_an_example(name):
    function = getattr(quarry, name)
    text = inspect.getdoc(function) or ""
    sections = [line.removesuffix(":") for line in text.splitlines() if line and not line.startswith(" ")]
    assert {"Args", "Returns", "Raises", "Examples"} <= set(sections)
    arguments = text.split("\nArgs:\n")[1].split("\nReturns:\n")[0]
    explained = re.findall(r"^    (\w+(?:, \w+)*): ", arguments, re.MULTILINE)
    assert set(inspect.signature(function).parameters) == set(", ".join(explained).split(", "))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_public_function_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = inspect.unwrap(getattr(quarry, name))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    examples = doctest.DocTestFinder(recurse=False).find(function, name, globs={"quarry": quarry})
    assert any(example.examples for example in examples)
    runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
    report: list[str] = []
    for example in examples:
        runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)
