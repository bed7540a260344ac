"""Reads one item of an Orbax checkpoint on this host alone, so that a failure keeps no other host waiting."""

from typing import Any

import orbax.checkpoint as ocp

from quarry.errors import DamagedCheckpoint
from quarry.train.hosts.workarounds import waiting_event_loops

HANDLERS = {"seal": ocp.JsonCheckpointHandler, "state": ocp.StandardCheckpointHandler}


def read_item(step: Any, item: str, args: Any) -> Any:
    """An item of the checkpoint in the folder `step`. Raises DamagedCheckpoint for any error."""
    try:
        with waiting_event_loops():
            return HANDLERS[item]().restore(step / item, args=args)
    except Exception as error:
        raise DamagedCheckpoint(f"it cannot be read ({type(error).__name__})") from error
