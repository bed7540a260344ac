"""An experiment read back from the JSON that a run directory holds."""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args, get_origin, get_type_hints

from quarry.errors import ConfigError
from quarry.train.config.experiment import Experiment


def experiment_from_json(values: Mapping[str, Any]) -> Experiment:
    """The experiment that `config.json` describes; a field added since has its default.

    Raises ConfigError for a field that this version does not know, or a value that it refuses.
    """
    return _read(Experiment, values)


def _read(kind: type, values: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    if unknown := [name for name in values if name not in hints]:
        raise ConfigError(f"config.json has the field {unknown[0]!r}, which this version does not know")
    return kind(**{name: _value(hints[name], value) for name, value in values.items()})


def _value(hint: Any, value: Any) -> Any:
    """A value as its field holds it: a part of the configuration, or a tuple where JSON has a list."""
    if isinstance(value, Mapping):
        kinds: list[Any] = [each for each in (hint, *get_args(hint)) if dataclasses.is_dataclass(each)]
        return _read(kinds[0], value) if kinds else value
    if isinstance(value, list):
        inner = get_args(hint)[0] if get_origin(hint) is tuple else Any
        return tuple(_value(inner, each) for each in value)
    return value
