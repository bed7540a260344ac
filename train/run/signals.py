"""Signals that ask a run to save and stop."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

from quarry.errors import INTERRUPTED, PREEMPTED

PREEMPTION_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)


class StopRequest:
    """True once a preemption signal has come; a second Ctrl-C stops at once.

    A context manager: the signals' former handlers come back on leaving it. Stopping at once calls
    `abandon(exit code, sentence)` if that is given, as does a `grace` in seconds that runs out inside the
    context; without it, a second Ctrl-C raises KeyboardInterrupt.
    """

    def __init__(self, grace: float | None = None, abandon: Callable[[int, str], object] | None = None):
        self._asked = False
        self._grace, self._abandon = grace, abandon
        self._timer: threading.Timer | None = None

    def __bool__(self) -> bool:
        return self._asked

    def __enter__(self) -> "StopRequest":
        self._former = {number: signal.signal(number, self._ask) for number in PREEMPTION_SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            if self._abandon:
                self._abandon(INTERRUPTED, "stopped at once; what was not saved yet is trained again")
            raise KeyboardInterrupt
        if not self._asked and self._grace and self._abandon:
            self._timer = threading.Timer(self._grace, self._too_late)
            self._timer.daemon = True
            self._timer.start()
        self._asked = True

    def _too_late(self) -> None:
        assert self._abandon is not None
        self._abandon(
            PREEMPTED,
            f"checkpoint.grace_seconds = {self._grace:g} ran out while the run was stopping; "
            "it goes on from the checkpoint before",
        )
