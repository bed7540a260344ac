"""Which folder of the repository is which package; everything else is in pyproject.toml."""

import warnings

from setuptools import find_packages, setup

ROOMS = ("experiments", "model", "train", "analysis")
RESULTS = [f"results/{pattern}" for pattern in ("*.md", "**/*.parquet", "**/*.csv", "**/*.json")]

# setuptools warns in ten lines at each editable installation of packages that lie in several folders
warnings.filterwarnings("ignore", message=r"\s*Editable installation")

setup(
    packages=[
        "quarry",
        *(f"quarry.{name}" for room in ROOMS for name in find_packages(include=[room, f"{room}.*"])),
    ],
    package_dir={"quarry": "quarry"} | {f"quarry.{room}": room for room in ROOMS},
    package_data={
        "quarry": ["py.typed"],
        "quarry.analysis": ["notebooks/*.py"],
        "quarry.analysis.fitting.prediction": ["*.csv"],
        "quarry.analysis.report": ["templates/*"],
        "quarry.experiments": RESULTS,
        "quarry.train.data": ["digits.gz"],
    },
)
