"""Signals that ask a run to save and stop."""

import signal
from types import FrameType

PREEMPTION_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)


class StopRequest:
    """True once a preemption signal has come; a second Ctrl-C stops at once.

    A context manager: the signals' former handlers come back on leaving it.
    """

    def __init__(self) -> None:
        self._asked = False

    def __bool__(self) -> bool:
        return self._asked

    def __enter__(self) -> "StopRequest":
        self._former = {number: signal.signal(number, self._ask) for number in PREEMPTION_SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = True
