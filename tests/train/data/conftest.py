"""A small token store shared by the tests of the data part."""

import pytest

from quarry.train.data.store_building import prepare_tokens


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of 200 documents."""
    root = tmp_path_factory.mktemp("documents")
    for i in range(200):
        (root / f"{i:03}.txt").write_text(f"Document {i}, é.\n" + f"word{i * 7919 % 200} " * 40)
    return root


@pytest.fixture(scope="session")
def store(folder, tmp_path_factory):
    """The bytes of those documents."""
    return prepare_tokens(f"folder:{folder}", "bytes", tmp_path_factory.mktemp("cache"))
