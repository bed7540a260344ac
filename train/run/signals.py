"""Signals that ask a run to save and stop."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

from quarry.errors import INTERRUPTED, PREEMPTED

PREEMPTION_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""What batch systems, terminals and users send to end a process; SIGQUIT ends it without saving."""


class StopRequest:
    """True once a preemption signal has arrived; a second Ctrl-C stops at once.

    A context manager that restores the signals' former handlers on exit; SIGHUP stays ignored under nohup.
    Stopping at once calls
    `abandon(exit code, sentence)` if it is given; so does a period of `grace` seconds that ends inside the
    context. Without `abandon`, a second Ctrl-C raises KeyboardInterrupt.
    """

    def __init__(self, grace: float | None = None, abandon: Callable[[int, str], object] | None = None):
        self._requested = False
        self._grace, self._abandon = grace, abandon
        self._timer: threading.Timer | None = None

    def __bool__(self) -> bool:
        return self._requested

    def __enter__(self) -> "StopRequest":
        heard = [number for number in PREEMPTION_SIGNALS if not _is_ignored_hangup(number)]
        self._former = {number: signal.signal(number, self._on_signal) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._requested and number == signal.SIGINT:
            if self._abandon:
                self._abandon(INTERRUPTED, "stopped at once; what was not saved is trained again")
            raise KeyboardInterrupt
        if not self._requested and self._grace and self._abandon:
            self._timer = threading.Timer(self._grace, self._on_grace_over)
            self._timer.daemon = True
            self._timer.start()
        self._requested = True

    def _on_grace_over(self) -> None:
        assert self._abandon is not None
        self._abandon(
            PREEMPTED,
            f"checkpoint.grace_seconds = {self._grace:g} ran out while the run was stopping; "
            "it resumes from the checkpoint before",
        )


def _is_ignored_hangup(number: signal.Signals) -> bool:
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN
