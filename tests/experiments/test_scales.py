"""The folders of studies: what their commands sweep is there, and what is spread over devices can be."""

import re

import pytest

from quarry.train.config.point_files import find_study, load_point_file
from tests.conftest import ROOT

FOLDERS = [*sorted((ROOT / "experiments").glob("*/paper")), ROOT / "experiments" / "tpu"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT / "experiments")))
def test_the_width_of_a_sharded_model_is_divided_by_its_devices(folder):
    files = [file for file in sorted(folder.rglob("[!_]*.py")) if "\nconfig" in file.read_text()]
    points = [point for file in files for point in load_point_file(file)]
    assert points
    for point in points:
        assert point.config.model.d_model % point.config.mesh.fsdp == 0, point.name


@pytest.mark.parametrize(
    "page", sorted((ROOT / "experiments").rglob("__init__.py")), ids=lambda page: page.parent.name
)
def test_what_the_command_of_a_study_sweeps_holds_points_only(page):
    words = page.read_text(encoding="utf-8").split('"""')[1]
    swept = re.findall(r"quarry sweep ((?:[a-z_]+(?:/[a-z_]+)*)(?: [a-z_]+/[a-z_]+)*)", words)
    for name in " ".join(swept).split():
        for file in find_study(name, [ROOT / "experiments"]):
            assert "\nconfig" in file.read_text(encoding="utf-8"), file
