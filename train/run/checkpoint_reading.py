"""Reading one item of an Orbax checkpoint, on this host alone: a failure here keeps no other host waiting."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orbax.checkpoint as ocp

from quarry.errors import DamagedCheckpoint

HANDLERS = {"seal": ocp.JsonCheckpointHandler, "state": ocp.StandardCheckpointHandler}


def read(step: Any, item: str, args: Any) -> Any:
    """An item of the checkpoint in the folder `step`. Raises DamagedCheckpoint, whatever goes wrong."""
    try:
        with _patient():
            return HANDLERS[item]().restore(step / item, args=args)
    except Exception as error:
        raise DamagedCheckpoint(f"it cannot be read ({type(error).__name__})") from error


class _PatientLoop(asyncio.SelectorEventLoop):
    """An event loop that waits for its tasks before it closes, and takes notice of how they ended."""

    def close(self) -> None:
        while not self.is_closed() and (tasks := asyncio.all_tasks(self)):
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        super().close()


@contextmanager
def _patient() -> Iterator[None]:
    """Inside, new event loops wait for what was begun in them.

    Orbax closes its loop at the first array that it cannot read; TensorStore, which still reads the others
    into that loop, would print a traceback for each from its own threads.
    """
    former = asyncio.new_event_loop
    asyncio.new_event_loop = _PatientLoop
    try:
        yield
    finally:
        asyncio.new_event_loop = former
