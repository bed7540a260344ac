"""The script that draws a page's charts: built once for each version of its parts, then from the cache."""

import hashlib
from contextlib import suppress
from importlib.metadata import version as version_of
from pathlib import Path

import altair as alt
import vl_convert

from quarry.cache import cache_directory
from quarry.train.record.files import read_regular, write_bytes

_EMBED = "window.vegaEmbed = vegaEmbed;"


def charts_library(folder: Path | None = None) -> str:
    """Vega-Embed with Vega-Lite and Vega, of the versions that Altair writes charts for, in one script.

    It takes a second to build. It is kept in `folder`, by default a part of the cache folder, with its
    SHA-256 in its name: a file that holds anything else is not used.
    """
    folder = folder or cache_directory() / "scripts"
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    name = f"vega-{version}-by-{version_of('vl-convert-python')}"
    with suppress(OSError, UnicodeDecodeError):
        for file in sorted(folder.glob(f"{name}-*.js")):
            script = read_regular(file).decode()
            if file.name == _file_name(name, script):
                return script
    script = vl_convert.javascript_bundle(_EMBED, version)
    with suppress(OSError):  # a page needs no cache
        write_bytes(folder / _file_name(name, script), script.encode())
    return script


def _file_name(name: str, script: str) -> str:
    return f"{name}-{hashlib.sha256(script.encode()).hexdigest()}.js"
