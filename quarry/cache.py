"""The cache folder: corpora, token stores, and the compiled programs that one process leaves for the next."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

_FOLDER, _LEAST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def cache_directory() -> Path:
    """The folder of corpora, token stores and compiled programs: $QUARRY_CACHE, else ~/.cache/quarry."""
    return Path(os.environ.get("QUARRY_CACHE") or Path.home() / ".cache" / "quarry").expanduser()


def keep_programs(cache: Path) -> None:
    """Let this process and those that it starts find compiled programs in `cache`, and keep theirs there.

    A program is found again only under the same path of the folder: XLA puts it into the key.
    """
    os.environ.setdefault(_FOLDER, str((cache / "xla").absolute()))
    os.environ.setdefault(_LEAST, "0.2")
    if "jax" in sys.modules:  # it has read them already
        import jax

        jax.config.update("jax_compilation_cache_dir", os.environ[_FOLDER])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", float(os.environ[_LEAST]))


def replace_damaged_programs() -> None:
    """Let JAX delete an entry of its compilation cache that it cannot read, and so write it again.

    JAX compiles the program of an entry that a full disk or a kill has cut off, with a warning, but never
    writes over the entry: every later process would do the same. Call it once JAX may be imported; without
    `keep_programs` it changes nothing.

    Upstream: no issue found; seen with jax 0.10.2.
    """
    if _FOLDER not in os.environ:
        return
    from jax._src import compilation_cache

    read = compilation_cache.get_executable_and_time
    if not isinstance(read, partial):
        compilation_cache.get_executable_and_time = partial(_read_program, read)


def _read_program(read: Callable[..., Any], key: str, options: Any, backend: Any, *devices: Any) -> Any:
    from jax._src import compilation_cache

    try:
        return read(key, options, backend, *devices)
    except Exception:
        cache: Any = compilation_cache._get_cache(backend)
        entry = cache.path / f"{key}-cache"
        with suppress(OSError):
            entry.unlink()
        if entry.exists():  # JAX warns of one that cannot be replaced
            raise
        return None, None
