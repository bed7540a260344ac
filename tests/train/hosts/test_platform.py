import os
import subprocess
import sys

import pytest

FAULTS_OF_A_SECOND_BUFFER = """
import ctypes, resource, sys, pathlib
from quarry.train.hosts.platform import prepare
prepare(pathlib.Path(sys.argv[1]))
libc, size = ctypes.CDLL(None), 100 * 2**20
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    buffer = libc.malloc(size)
    ctypes.memset(buffer, 1, size)
    libc.free(buffer)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults_of_a_second_buffer(folder, **environment: str) -> int:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS_OF_A_SECOND_BUFFER, str(folder)],
        env=clean | {"JAX_PLATFORMS": "cpu"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}), reason="needs glibc")
def test_freed_memory_is_kept_unless_the_environment_tunes_malloc(tmp_path):
    assert faults_of_a_second_buffer(tmp_path) < 100
    assert faults_of_a_second_buffer(tmp_path, MALLOC_PERTURB_="0") > 1000
