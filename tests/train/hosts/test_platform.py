import os
import subprocess
import sys
import zlib
from types import SimpleNamespace

import pytest

from quarry.cache import replace_damaged_programs
from quarry.train.hosts import platform

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


@pytest.mark.slow
@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}), reason="needs glibc")
def test_freed_memory_is_kept_unless_the_environment_tunes_malloc(tmp_path):
    assert faults_of_a_second_buffer(tmp_path) < 100
    assert faults_of_a_second_buffer(tmp_path, MALLOC_PERTURB_="0") > 1000


def test_a_compiled_program_that_cannot_be_read_is_deleted_and_made_again(tmp_path, monkeypatch):
    from jax._src import compilation_cache

    def read(key, options, backend, devices):
        return zlib.decompress((tmp_path / f"{key}-cache").read_bytes()), 1

    monkeypatch.setattr(compilation_cache, "get_executable_and_time", read)
    monkeypatch.setattr(compilation_cache, "_get_cache", lambda backend: SimpleNamespace(path=tmp_path))
    replace_damaged_programs()
    replace_damaged_programs()
    whole = zlib.compress(b"a program" * 9)
    for content, found in ((whole, (b"a program" * 9, 1)), (whole[:9], (None, None)), (b"", (None, None))):
        entry = tmp_path / "step-cache"
        entry.write_bytes(content)
        assert compilation_cache.get_executable_and_time("step", None, None, None) == found
        assert entry.exists() == (found[0] is not None)


def test_flags_are_added_once_and_those_of_the_environment_win(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "gpu_present", lambda: True)
    monkeypatch.setattr(platform, "accelerator_present", lambda: True)
    monkeypatch.setenv("XLA_FLAGS", "--xla_of=theirs")
    for _ in range(2):
        platform.prepare(tmp_path)
    assert os.environ["XLA_FLAGS"].split() == [*platform.GPU_FLAGS, "--xla_of=theirs"]


def test_xla_knows_the_flags_of_a_gpu():
    """It ends a process that has a flag it does not know."""
    program = "import jax; jax.jit(lambda x: x)(1).block_until_ready()"
    flags = {"XLA_FLAGS": " ".join(platform.GPU_FLAGS), "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", program], env=os.environ | flags, check=True)
