"""Pages that MkDocs makes: the help of every command, the public names of `quarry`, the notebooks.

The build fails if a page would load something from another host.
"""

import io
import os
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import ModuleType

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

import quarry
from quarry import cli

sys.path.append(str(Path(__file__).parent))
from foreign_loads import foreign_loads
from notebook_pages import notebook_files

WIDTH = "80"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add `commands.md`, `api.md` and the notebooks."""
    for name, text in {"commands.md": commands_page(), "api.md": api_page()}.items():
        files.append(File.generated(config, name, content=text))
    for file in notebook_files(config):
        files.append(file)
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Fail if a file of the site loads something from another host."""
    for file in sorted(Path(config.site_dir).rglob("*")):
        if file.suffix in (".html", ".css", ".js") and (hosts := foreign_loads(file.read_text("utf-8"))):
            raise PluginError(f"{file} loads {hosts[0]}: the site must work without a network")


def commands_page() -> str:
    """Every command with what `quarry COMMAND --help` prints."""
    parts = ["# Commands", "Exit codes: 0 done, 1 failed, 2 bad input, 75 preempted after saving."]
    for name, command in cli.COMMANDS.items():
        parts += [
            f"## quarry {name}",
            command.summary.replace("<", "&lt;"),
            f"```text\n{help_text(name)}\n```",
        ]
    return "\n\n".join(parts)


def help_text(command: str) -> str:
    """What `quarry COMMAND --help` prints on a terminal of `WIDTH` columns, without colours."""
    os.environ |= {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        cli.run([command, "--help"])
    return printed.getvalue().strip()


def api_page() -> str:
    """The functions of `quarry`, then the classes of what they return."""
    functions, classes = [], []
    for name in sorted(set(quarry.__all__) - {"__version__"}):
        value = getattr(quarry, name)
        if isinstance(value, type):
            classes.append(_entry(name, value.__module__))
        elif callable(value) and not isinstance(value, ModuleType):
            functions.append(_entry(name, value.__module__))
    opening = "# Python\n\n`import quarry` has all of these; a name is imported when it is first used."
    return "\n\n".join([opening, "## Functions", *functions, "## Results and errors", *classes])


def _entry(name: str, module: str) -> str:
    return f"::: {module}.{name}\n    options:\n      heading: quarry.{name}\n      heading_level: 3"
