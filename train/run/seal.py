"""The seal of a checkpoint: a fingerprint of each array, and what is recorded of the run then.

    {"arrays": {name: fingerprint}, "crc32": of arrays, "run": facts, "run_crc32": of facts}

Seals of earlier versions have no facts of the run.
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from quarry.checks import require
from quarry.errors import DamagedCheckpoint
from quarry.train.run.fingerprint import fingerprint, names
from quarry.train.run.train_state import TrainState


def make_seal(state: TrainState, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The seal of a state, with `facts` (JSON values) of its run, and checksums of both."""
    arrays = dict(zip(names(state), fingerprint(state), strict=True))
    run = {} if facts is None else {"run": facts, "run_crc32": _crc(facts)}
    return {"arrays": arrays, "crc32": _crc(arrays)} | run


def open_seal(seal: Any, abstract: TrainState) -> tuple[list[int], dict[str, Any]]:
    """The fingerprint in a seal, and the facts of the run, {} if it has none.

    Raises DamagedCheckpoint if it is broken, ConfigError if it is another model's.
    """
    try:
        arrays, crc = dict(seal["arrays"]), seal["crc32"]
        facts, facts_crc = dict(seal.get("run", {})), seal.get("run_crc32", _crc({}))
    except (AttributeError, TypeError, KeyError, ValueError):
        raise DamagedCheckpoint("its seal cannot be read") from None
    if (crc, facts_crc) != (_crc(arrays), _crc(facts)):
        raise DamagedCheckpoint("its seal does not match its checksum")
    expected = names(abstract)
    unexpected = sorted(set(arrays) ^ set(expected))
    require(
        not unexpected,
        f"the checkpoint holds the state of another model or version of Quarry: {unexpected[:1]}; "
        "give this run its own --name or --workdir, or delete its checkpoints",
    )
    return [arrays[name] for name in expected], facts


def _crc(value: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())
