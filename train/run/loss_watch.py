"""Watches the logged losses for trouble: a loss that is not a number, or one that spikes."""

import math
import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quarry.train.config.experiment import RollbackConfig


@dataclass(frozen=True)
class Trouble:
    """A logged step whose loss, in nats, is not a number (`diverged`) or far above those before it."""

    step: int
    loss: float
    diverged: bool
    last_good: int
    """The last logged step before it with a finite loss and gradient and no spike."""

    @property
    def sentence(self) -> str:
        what = "is not a number" if self.diverged else f"leaps to {self.loss:.3f}"
        return f"the loss {what} at step {self.step}"


class LossWatch:
    """Judges each logged loss by those before it; `former` are the steps and losses already logged."""

    def __init__(self, config: "RollbackConfig", former: Iterable[tuple[int, float | None]]):
        self._factor = math.inf if config.spike is None else config.spike
        self._losses: deque[float] = deque(maxlen=config.window)
        self._high, self._last_good = False, 0
        for step, loss in former:
            self.judge(step, math.nan if loss is None else loss, 0.0)

    def judge(self, step: int, loss: float, grad_norm: float) -> Trouble | None:
        """The trouble that begins at a logged step, or None.

        A spike is a loss above the running median times the factor. There is none before the window is full,
        as a run begins at a high loss.
        """
        diverged = not math.isfinite(loss)
        full = len(self._losses) == self._losses.maxlen
        was_high, self._high = self._high, full and loss > self._factor * statistics.median(self._losses)
        trouble = Trouble(step, loss, diverged, self._last_good)
        if not diverged:
            self._losses.append(loss)
        if math.isfinite(loss + grad_norm) and not self._high:
            self._last_good = step
        return trouble if diverged or (self._high and not was_high) else None
