"""What the hosts of a run share: their number, and values through JAX's coordination service.

Host 0 alone writes the record. The key-value store of the service carries its decisions to the other hosts.
"""

import itertools
import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from quarry.checks import require
from quarry.errors import ConfigError

T = TypeVar("T")
FOREVER_MS = 10 * 24 * 3600 * 1000
"""A wait for host 0 ends when it answers or dies, not by the clock: it may be preparing a large corpus."""

_broadcasts, _gathers = itertools.count(1), itertools.count(1)
"""Numbers in the keys of the store. Every host makes the same calls in the same order."""


def process_count() -> int:
    """Number of hosts that train this run."""
    import jax

    return jax.process_count()


def process_index() -> int:
    """Index of this host, from 0."""
    import jax

    return jax.process_index()


def is_first_host() -> bool:
    """Whether this is host 0, which writes the record."""
    return process_index() == 0


def broadcast_from_first(compute: Callable[[], T]) -> T:
    """Call `compute` on host 0 alone and return its result, a JSON value, on every host.

    Every host must call this, in the same order. Raises ConfigError on every host if `compute` raises it.
    """
    if process_count() == 1:
        return compute()
    key = f"quarry/from_first/{next(_broadcasts)}"
    if not is_first_host():
        answer = json.loads(coordination_client().blocking_key_value_get(key, FOREVER_MS))
        require("refusal" not in answer, f"host 0 refuses: {answer.get('refusal')}")
        return answer["value"]
    try:
        value = compute()
    except ConfigError as error:
        coordination_client().key_value_set(key, json.dumps({"refusal": str(error)}))
        raise
    coordination_client().key_value_set(key, json.dumps({"value": value}))
    return value


def gather_from_all(value: Any) -> list[Any]:
    """The JSON values of all hosts, in their order, on every host. Every host must call this."""
    if process_count() == 1:
        return [value]
    key = f"quarry/all/{next(_gathers)}"
    coordination_client().key_value_set(f"{key}/{process_index()}", json.dumps(value))
    keys = [f"{key}/{host}" for host in range(process_count())]
    return broadcast_from_first(
        lambda: [json.loads(coordination_client().blocking_key_value_get(key, FOREVER_MS)) for key in keys]
    )


def coordination_client() -> Any:
    """The client of the coordination service. JAX has no public name for it; Orbax takes it from here too."""
    from jax._src import distributed

    return distributed.global_state.client


def has_joined() -> bool:
    """Whether this process has joined the coordination service."""
    return "jax" in sys.modules and coordination_client() is not None
