"""Batch-size ramps: batches that grow in stages, and the conversion between steps and tokens.

Everything is a function of the step, so that a run can be resumed anywhere inside a ramp. The sequences of a
step begin where those of the step before it end.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from quarry.checks import require


@dataclass(frozen=True)
class Stage:
    """Steps first_step <= step < last_step of `sequences` each; the first begins at sequence `position`."""

    first_step: int
    last_step: float
    sequences: int
    position: int


class Ramp:
    """The stages of `ramp`, pairs (until so many tokens, batch in tokens), then one of `batch_tokens`.

    A stage ends with the first step at or beyond its tokens.
    """

    def __init__(self, ramp: tuple[tuple[int, int], ...], batch_tokens: int, context: int):
        self._context = context
        self._stages: list[Stage] = []
        step = position = 0
        for until, batch in ramp:
            sequences = batch // context
            last = step + max(0, -(-(until - position * context) // batch))
            if last > step:
                self._stages.append(Stage(step, last, sequences, position))
            step, position = last, position + (last - step) * sequences
        self._stages.append(Stage(step, float("inf"), batch_tokens // context, position))

    def stage(self, step: int) -> Stage:
        """The stage of a step, counted from 0."""
        return self._stages[bisect_right([stage.first_step for stage in self._stages], step) - 1]

    def stages(self, first: int, last: int) -> Iterator[Stage]:
        """The stages of the steps first <= step < last, clipped to this range."""
        for stage in self._stages:
            start, end = max(first, stage.first_step), min(last, stage.last_step)
            if start < end:
                skipped = (start - stage.first_step) * stage.sequences
                yield Stage(start, end, stage.sequences, stage.position + skipped)

    def tokens(self, steps: int) -> int:
        """Tokens processed after so many steps."""
        stage = self.stage(steps)
        return (stage.position + (steps - stage.first_step) * stage.sequences) * self._context

    def batch_tokens(self, step: int) -> int:
        """Tokens of a step, counted from 0."""
        return self.stage(step).sequences * self._context

    def steps(self, tokens: float) -> int:
        """The number of steps, at least one, nearest to so many tokens."""
        begun = [stage for stage in self._stages if stage.position * self._context <= tokens]
        stage = begun[-1] if begun else self._stages[0]
        beyond = tokens / self._context - stage.position
        return max(1, stage.first_step + round(beyond / stage.sequences))


def check_ramp(ramp: tuple[tuple[int, int], ...], context: int) -> None:
    """Raise ConfigError unless the stages are in order and each batch is a whole number of sequences."""
    former = 0
    for until, batch in ramp:
        require(until > former, f"batch_ramp: {until} tokens do not come after {former}")
        require(
            batch >= context and batch % context == 0,
            f"batch_ramp: {batch} is not a whole number of sequences of model.context = {context} tokens",
        )
        former = until
