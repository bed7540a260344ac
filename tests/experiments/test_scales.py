"""The config files of larger scales: what is spread over devices can be."""

import pytest

from quarry.train.config.point_files import load_point_file
from tests.conftest import ROOT

FOLDERS = [*sorted((ROOT / "experiments").glob("*/paper")), ROOT / "experiments" / "tpu"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT / "experiments")))
def test_the_width_of_a_sharded_model_is_divided_by_its_devices(folder):
    files = [file for file in sorted(folder.rglob("[!_]*.py")) if "\nconfig" in file.read_text()]
    points = [point for file in files for point in load_point_file(file)]
    assert points
    for point in points:
        assert point.config.model.d_model % point.config.mesh.fsdp == 0, point.name
