"""The wheel, installed in a clean environment and used in a folder with somebody else's modules."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.train.tiny import write_tiny

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
ROOMS = ("quarry", "experiments", "model", "train", "analysis")
FOREIGN = ("train.py", "model.py", "analysis.py", "experiments.py")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> Path:
    """The folder of programs of a new environment with the wheel, which borrows all other packages."""
    source, built, home = (tmp_path_factory.mktemp(name) for name in ("source", "built", "home"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    (source / "docs").mkdir()
    shutil.copy(ROOT / "docs/ladder.csv", source / "docs")
    for name in ROOMS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", source, "--no-deps", "-w", built], check=True)
    venv.create(home)
    packages = next(home.glob("lib/python3*/site-packages"))
    borrowed = [folder for folder in sys.path if folder.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    python = ["--python", home / "bin/python"]
    subprocess.run([*pip, *python, "install", "--no-deps", "--no-index", *built.iterdir()], check=True)
    return home / "bin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder in which importing `train`, `model`, `analysis` or `experiments` fails."""
    folder = tmp_path_factory.mktemp("theirs")
    for name in FOREIGN:
        (folder / name).write_text(f"raise SystemExit('{name} of this folder was imported')\n")
    sizes = [1e6 * 4**i for i in range(6)]
    rows = "".join(f"{n:g},{20 * n:g},{1.5 + 300 * n**-0.3}\n" for n in sizes)
    (folder / "points.csv").write_text("N,E,loss\n" + rows)
    write_tiny(folder / "mine", steps=3)
    return folder


def run(program: Path, *words: str, cwd: Path, cache: Path) -> str:
    """What the program prints; it must succeed."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "XLA_FLAGS")
    }
    done = subprocess.run(
        [program, *words], cwd=cwd, env=environment | {"QUARRY_CACHE": str(cache)},
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python_imports_the_wheel(scripts, folder, cache):
    code = "import quarry; print(quarry.fit.__module__, quarry.__file__)"
    module, file = run(scripts / "python", "-c", code, cwd=folder, cache=cache).split()
    assert module == "quarry.analysis.fitting.estimation"
    assert Path(file).is_relative_to(scripts.parent)


def test_the_wheels_version_is_printed(scripts, folder, cache):
    printed = run(scripts / "quarry", "--version", cwd=folder, cache=cache)
    assert printed == f"quarry {version('quarry-scaling')}\n"


def test_the_wheel_fits_a_table(scripts, folder, cache):
    words = ("fit", "points.csv", "--law", "power-offset", "--bootstrap", "0", "--json", "fit.json")
    run(scripts / "quarry", *words, cwd=folder, cache=cache)
    params = json.loads((folder / "fit.json").read_text())["params"]
    assert params["alpha"] == pytest.approx(0.3, rel=0.01)


SHIPPED = """
from importlib.metadata import metadata
from pathlib import Path

from quarry.installation import sample_table

print(Path(sample_table("sample:ladder")).read_text().splitlines()[0])
print(metadata("quarry-scaling").get_payload())
"""


def test_the_wheel_has_the_table_of_the_readme_whose_links_are_whole(scripts, folder, cache):
    printed = run(scripts / "python", "-c", SHIPPED, cwd=folder, cache=cache)
    assert printed.splitlines()[0] == (ROOT / "docs/ladder.csv").read_text().splitlines()[0]
    links = re.findall(r"\]\(([^)]*)\)", printed)
    assert len(links) > 10
    assert all(link.startswith("https://") for link in links)
    assert next(link for link in links if "/raw/main/" in link).endswith("/raw/main/docs/quickstart.png")


LIGHT = """
import pkgutil, re, sys
from importlib import import_module, metadata

required = [line for line in metadata.requires("quarry-scaling") if line.endswith('extra == "train"')]
extra = [re.match("[\\w-]+", line)[0] for line in required]
missing = [name for name, owners in metadata.packages_distributions().items() if set(owners) & set(extra)]
assert {"flax", "optax", "orbax", "grain", "tensorflow_datasets"} <= set(missing), missing
sys.modules.update(dict.fromkeys(missing))  # importing them fails

import quarry.analysis
for module in pkgutil.walk_packages(quarry.analysis.__path__, "quarry.analysis."):
    module.name.endswith("__main__") or import_module(module.name)
from quarry import cli
for name in sorted(set(cli.COMMANDS) - cli.TRAINING):
    cli.find_command(name, [])
sys.exit(cli.run(["fit", "points.csv", "--law", "power-offset", "--bootstrap", "0", "--json", "light.json"]))
"""


def test_the_analysis_needs_no_package_of_training(scripts, folder, cache):
    run(scripts / "python", "-c", LIGHT, cwd=folder, cache=cache)
    assert json.loads((folder / "light.json").read_text())["params"]["alpha"] == pytest.approx(0.3, rel=0.01)


def test_the_wheel_trains_a_point(scripts, folder, cache):
    run(scripts / "quarry", "train", "mine/tiny.py", cwd=folder, cache=cache)
    assert json.loads((folder / "runs/mine/tiny/run.json").read_text())["status"] == "finished"
