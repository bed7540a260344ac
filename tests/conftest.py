"""Strict surroundings for every test: shapes checked, rank promotion refused, one private cache."""

import importlib
import os
import sys
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# What one test, worker or command has compiled the others need not compile again.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).resolve().parents[1] / ".cache" / "compiled-by-tests")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

import jaxtyping
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))
quick_flags = importlib.import_module("tests.quick_compile").QUICK_FLAGS
os.environ["XLA_FLAGS"] = f"{quick_flags} {os.environ.get('XLA_FLAGS', '')}".strip()
strict = importlib.import_module("tests.strict")  # the hook below looks it up by name
workers = importlib.import_module("tests.workers")
pytest_xdist_make_scheduler = workers.pytest_xdist_make_scheduler

jaxtyping.jaxtyped = strict.jaxtyped
jaxtyping.install_import_hook(
    ["quarry.model", "quarry.train", "quarry.analysis"], "tests.strict.typecheck"
).__enter__()

importlib.import_module("quarry.collector").collect_rarely()

settings.register_profile("quarry", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("quarry")


def pytest_runtest_setup() -> None:
    """The first calls of every function are checked in every test."""
    strict.begin_test()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which tests begin."""
    workers.begin_with_the_longest(items)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that all tests of this session share, whatever worker runs them."""
    shared = tmp_path_factory.getbasetemp()
    root = shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared
    (root / "cache").mkdir(exist_ok=True)
    return root / "cache"
