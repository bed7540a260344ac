"""Which folder of the repository is which package; everything else is in pyproject.toml."""

import re
import tomllib
import warnings
from pathlib import Path

from setuptools import find_packages, setup

ROOMS = ("experiments", "model", "train", "analysis")
RESULTS = [f"results/{pattern}" for pattern in ("*.md", "**/*.parquet", "**/*.csv", "**/*.json")]


def long_description() -> str:
    """README.md with whole addresses in place of relative links, which are dead on the page of an index."""
    repository = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["urls"]["Repository"]
    readme = Path("README.md").read_text("utf-8")
    pictures = re.sub(r"(!\[[^]]*\]\()(?!\w+:|#)", rf"\1{repository}/raw/main/", readme)
    return re.sub(r"((?<!!)\[[^]]*\]\()(?!\w+:|#)", rf"\1{repository}/blob/main/", pictures)


# setuptools warns in ten lines at each editable installation of packages that lie in several folders
warnings.filterwarnings("ignore", message=r"\s*Editable installation")

setup(
    long_description=long_description(),
    long_description_content_type="text/markdown",
    packages=[
        "quarry",
        "quarry.sample_tables",
        *(f"quarry.{name}" for room in ROOMS for name in find_packages(include=[room, f"{room}.*"])),
    ],
    package_dir={"quarry": "quarry", "quarry.sample_tables": "docs"}
    | {f"quarry.{room}": room for room in ROOMS},
    package_data={
        "quarry": ["py.typed"],
        "quarry.analysis": ["notebooks/*.py"],
        "quarry.analysis.fitting.prediction": ["*.csv"],
        "quarry.analysis.report": ["templates/*"],
        "quarry.experiments": RESULTS,
        "quarry.sample_tables": ["ladder.csv"],
        "quarry.train.data": ["digits.gz"],
    },
)
