"""Checks that a process may continue a run: the same configuration, the same data, the same on every host."""

import dataclasses
import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any, get_type_hints

from quarry.checks import require
from quarry.errors import RecordError
from quarry.train.config.experiment import Experiment
from quarry.train.data.store import TokenStore
from quarry.train.hosts.agreement import broadcast_from_first, process_index
from quarry.train.record.files import Schema, read_json
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import TERMINAL
from quarry.train.run.description import RECORDED_VERSIONS, experiment_as_json

CONFIG: Mapping[str, Schema] = {"model": dict, "data": dict, "duration": dict}
"""What config.json holds at least."""
MAY_CHANGE = ("checkpoint", "tracking", "mesh", "branches", "model.scan_layers", "model.remat")
"""Fields that may differ between a run and its continuation: they change no number beyond rounding."""


def check_same_config(directory: RunDirectory, experiment: Experiment) -> None:
    """Raise ConfigError if the directory holds a run of another configuration.

    config.json counts, or the copy in run.json: one of them may be damaged or missing.
    """
    differences = []
    for former in _saved_configs(directory):
        require(
            "remat" in former["model"] or directory.status() in TERMINAL,
            f"{directory} was begun by an earlier version, which saved each layer by itself; "
            "continue it with that version, or give this run its own --name or --workdir",
        )
        differences += [_difference(former, experiment)]
    require(
        not differences or None in differences,
        f"{directory} holds a run of another configuration ({differences and differences[0]}); "
        "give this one its own --name or --workdir, or delete that run",
    )


def holds_config(directory: RunDirectory, experiment: Experiment) -> bool:
    """Whether config.json can be read and holds this configuration."""
    try:
        return _difference(read_json(directory.config, CONFIG), experiment) is None
    except RecordError:
        return False


def _difference(former: dict[str, Any], experiment: Experiment) -> str | None:
    saved, given = fill_defaults(former, Experiment), experiment_as_json(experiment)
    return first_difference(fixed_fields(saved), fixed_fields(given))


def _saved_configs(directory: RunDirectory) -> list[dict[str, Any]]:
    """The configuration in config.json and its copy in run.json, without those that cannot be read."""
    found = []
    with suppress(RecordError):
        found.append(read_json(directory.config, CONFIG))
    with suppress(RecordError):
        found += [config] if (config := directory.read_run().get("config")) else []
    return found


def fill_defaults(former: dict[str, Any], kind: type) -> dict[str, Any]:
    """A configuration that an older version wrote, as JSON, with the defaults of fields added since."""
    hints, values = get_type_hints(kind), {}
    for field in dataclasses.fields(kind):
        if field.name in former and dataclasses.is_dataclass(hints[field.name]):
            values[field.name] = _fill_part(former[field.name], hints[field.name])
        elif field.name not in former:
            made = field.default_factory() if callable(field.default_factory) else field.default
            values[field.name] = made
    return former | json.loads(json.dumps(values, default=dataclasses.asdict))


def _fill_part(former: Any, kind: type) -> Any:
    return fill_defaults(former, kind) if isinstance(former, dict) else former


def fixed_fields(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """An experiment as JSON without the fields in MAY_CHANGE."""
    return {
        name: fixed_fields(value, f"{path}{name}.") if isinstance(value, Mapping) else value
        for name, value in tree.items()
        if f"{path}{name}" not in MAY_CHANGE
    }


def check_same_data(directory: RunDirectory, store: TokenStore, others: Mapping[str, TokenStore]) -> None:
    """Raise ConfigError if the run began on other data than `store`, or with other texts of evaluation."""
    record = directory.read_run()
    former = [record.get("data", store.manifest)]
    former += [record.get("also", {}).get(name, other.manifest) for name, other in others.items()]
    for begun, now in zip(former, (store, *others.values()), strict=True):
        difference = first_difference(begun["splits"], now.manifest["splits"])
        require(
            difference is None,
            f"the corpus {now.manifest['corpus']!r} has changed since {directory} began ({difference})",
        )


def check_same_reference(directory: RunDirectory, reference: Mapping[str, Any] | None) -> None:
    """Raise ConfigError if the run began to choose what it reads by another reference."""
    former = directory.read_run().get("reference", reference)
    require(
        former == reference,
        f"the reference of data.selection has changed since {directory} began: give this run its own --name "
        "or --workdir, or delete that one",
    )


def check_same_on_all_hosts(experiment: Experiment, store: TokenStore) -> None:
    """Raise ConfigError if this host's options, data or versions differ from those of the first."""
    versions = {name: version(name) for name in RECORDED_VERSIONS}
    mine = {"config": experiment_as_json(experiment), "data": store.manifest["splits"], "versions": versions}
    difference = first_difference(broadcast_from_first(lambda: mine), mine)
    require(difference is None, f"host {process_index()} differs from host 0: {difference}")


def first_difference(old: Any, new: Any, path: str = "") -> str | None:
    """The first field in which two configurations differ, as `field: old -> new`; None if they are equal."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        differences = (
            first_difference(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
            for key in [*old, *(key for key in new if key not in old)]
        )
        return next((difference for difference in differences if difference), None)
    return None if old == new else f"{path}: {old} -> {new}"
