"""What is done about a loss that is not a number, or that leaps: the rule, and the batches it leaves out.

After a roll-back the run goes on from a checkpoint before the trouble, with the batches after those that led
to it. What is left out stands in run.json as `skips`, pairs of a position in the batch order and a number of
sequences: from that position on the order is read so many sequences further. So what a step reads still
follows from the step and the record, wherever the run is taken up again.
"""

import math
import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from quarry.train.config.experiment import RollbackConfig


@dataclass(frozen=True)
class Trouble:
    """A logged step whose loss, in nats, is not a number (`diverged`) or leaps above those before it."""

    step: int
    loss: float
    diverged: bool
    last_good: int
    """The last logged step before it whose loss and gradient were sound."""

    @property
    def sentence(self) -> str:
        what = "is not a number" if self.diverged else f"leaps to {self.loss:.3f}"
        return f"the loss {what} at step {self.step}"


class LossWatch:
    """Judges each logged loss by those before it; `former` are the steps and losses of a run that goes on."""

    def __init__(self, config: RollbackConfig, former: Iterable[tuple[int, float | None]]):
        self._factor = math.inf if config.spike is None else config.spike
        self._losses: deque[float] = deque(maxlen=config.window)
        self._high, self._last_good = False, 0
        for step, loss in former:
            self.judge(step, math.nan if loss is None else loss, 0.0)

    def judge(self, step: int, loss: float, grad_norm: float) -> Trouble | None:
        """The trouble a logged step is in, if it begins there.

        A spike is a loss above the running median times the factor; never before the window is full, for a
        run begins at a high loss.
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
