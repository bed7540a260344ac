"""Roll-backs: after trouble a run continues from an earlier checkpoint and leaves out the batches in between.

What is left out is written to run.json as `skips`, pairs of a position in the batch order and a number of
sequences: from that position on the order is read so many sequences further. So the batch of a step follows
from the step and the record alone, wherever the run is resumed.
"""

from typing import TYPE_CHECKING

from quarry.train.hosts.agreement import broadcast_from_first

if TYPE_CHECKING:
    from quarry.train.run.context import RunContext
    from quarry.train.run.loss_watch import Trouble


class RollBacks:
    """The roll-backs of a run. On several hosts all call the same methods in the same order."""

    def __init__(self, run: "RunContext"):
        self._run = run

    def skips(self) -> tuple[tuple[int, int], ...]:
        """The parts of the batch order left out so far, as (position, sequences)."""
        skips = broadcast_from_first(lambda: self._run.directory.known_run().get("skips", []))
        return tuple((position, n) for position, n in skips)

    def remain(self) -> bool:
        """Whether the run may roll back once more."""
        return len(self.skips()) < self._run.experiment.rollback.times

    def end_attempt(self, trouble: "Trouble") -> bool:
        """Whether training stops here. If no roll-back is left, a spike is logged and training continues."""
        if self.remain():
            return True
        self._run.report("diverged" if trouble.diverged else "spike", trouble.step, trouble.sentence)
        return trouble.diverged

    def leave_out(self, step: int, trouble: "Trouble") -> None:
        """Leave out the batches from `step`, where the run restarts, up to the step in trouble."""
        position = self._run.position(step)
        skips = (*self.skips(), (position, self._run.position(trouble.step) - position))
        broadcast_from_first(lambda: self._run.directory.write_run(skips=skips))
        sentence = f"{trouble.sentence}: back to step {step}, without the batches between"
        self._run.report("rollback", trouble.step, sentence)
