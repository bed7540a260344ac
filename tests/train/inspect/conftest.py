"""A finished run and its model, for the tests of a module."""

import pytest

from quarry.train.record.progress import Quiet
from quarry.train.run.finished import read_trained
from quarry.train.run.loop import train
from tests.train.tiny import tiny_point


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cache):
    folder = tmp_path_factory.mktemp("finished")
    assert train(tiny_point(folder / "study", steps=4), folder / "runs", cache, Quiet()) == "finished"
    return folder / "runs" / "study" / "tiny"


@pytest.fixture(scope="module")
def model(finished, cache):
    return read_trained(finished, cache)
