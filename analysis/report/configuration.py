"""How the runs of a page were configured: what all share, and what differs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quarry.analysis.report.provenance import leaves
from quarry.train.record.points_table import find_runs

_OF_THE_MACHINE = ("checkpoint.", "tracking", "mesh.", "log_every", "grace")
"""Settings that change no loss."""

_SHOWN = 6
"""How many values of a setting are listed; of more only the number."""


@dataclass(frozen=True)
class Configuration:
    """`shared` has the value of each setting that all runs share, `varied` those that differ, by name."""

    shared: Mapping[str, str]
    varied: Mapping[str, str]


def read_configuration(runs: Path) -> Configuration:
    """The settings in `config.json` of the runs at or below `runs`; null ones and the machine's left out."""
    values: dict[str, dict[str, int]] = {}
    configs = [_settings(directory.config) for directory in find_runs(runs)]
    for name, value in (pair for config in configs for pair in config.items()):
        seen = values.setdefault(name, {})
        seen[value] = seen.get(value, 0) + 1
    shared = {
        name: next(iter(seen)) for name, seen in values.items() if list(seen.values()) == [len(configs)]
    }
    return Configuration(shared, {name: _listed(list(v)) for name, v in values.items() if name not in shared})


def _settings(file: Path) -> dict[str, str]:
    try:
        config: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a run that has only begun
        return {}
    named = leaves(config) if isinstance(config, Mapping) else ()
    return {name: value for name, value in named if value and not name.startswith(_OF_THE_MACHINE)}


def _listed(values: list[str]) -> str:
    return f"{len(values)} values" if len(values) > _SHOWN else ", ".join(values)
