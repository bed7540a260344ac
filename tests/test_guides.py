"""docs/cloud_tpu.md, run as far as no account is needed; docs/slurm.md is run beside the tests of Slurm."""

import pytest
import yaml

from tests.commands import environment
from tests.guides import blocks, check_syntax, run_block


@pytest.mark.slow
def test_the_cloud_tpu_guide_writes_its_launch_files(cache, tmp_path):
    (tmp_path / "pyproject.toml").touch()  # as in the clone where the guide begins
    for block in blocks("cloud_tpu.md", "bash"):
        run_block(block, tmp_path, environment(cache))
    written = {folder.name: sorted(folder.iterdir()) for folder in (tmp_path / "launch").iterdir()}
    assert {name: len(files) for name, files in written.items()} == {"sky": 3, "jobset": 3, "multislice": 1}
    jobset = yaml.safe_load(written["multislice"][0].read_text())
    assert jobset["spec"]["replicatedJobs"][0]["replicas"] == 2


def test_what_needs_an_account_is_at_least_shell():
    found = blocks("cloud_tpu.md", "sh")
    assert len(found) >= 6
    for block in found:
        check_syntax(block)
