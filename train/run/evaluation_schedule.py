"""When a run measures its held-out loss, and the row that it logs then."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax

from quarry.train.config.schedules import evaluation_steps, is_annealed
from quarry.train.run.evaluation import Evaluator, evaluators
from quarry.train.run.known_answers import answers_at
from quarry.train.run.noise_probe import probe

if TYPE_CHECKING:
    from quarry.train.run.context import RunContext
    from quarry.train.run.run_log import RunLog
    from quarry.train.run.train_state import TrainState


class EvaluationSchedule:
    """The evaluations of one run: validation at several steps, and test once, at the end."""

    def __init__(self, run: "RunContext"):
        self._run = run
        self.steps = evaluation_steps(run.sizes.steps, run.experiment.evaluation.count)
        self._validate, self._test = evaluators(run.experiment, run.mesh, run.store)
        self._others = dict(self._other_texts())

    def _other_texts(self) -> Iterator[tuple[str, Evaluator]]:
        """The texts scored beside the validation split: the run's own, and those of `evaluation.also`."""
        run, settings = self._run, self._run.experiment.evaluation
        if settings.train_tokens:
            tokens = min(settings.train_tokens, run.sizes.unique_tokens)
            first = run.experiment.data.draw * run.sizes.n_sequences
            yield "train", Evaluator(run.experiment, run.mesh, run.store, "train", tokens, first)
        for name, store in run.others.items():
            tokens = settings.validation_tokens
            yield name, Evaluator(run.experiment, run.mesh, store, "validation", tokens)

    def due(self, step: int) -> bool:
        """Whether the loss is measured after `step`."""
        return step == self._run.sizes.steps or step in self.steps

    def measure(self, step: int, rate: float, state: "TrainState", log: "RunLog") -> None:
        """Measure and log the validation loss, at the end also the test loss; nothing after a divergence."""
        jax.block_until_ready(state)
        log.flush()
        if log.diverged:
            return
        with log.pause():
            last = step == self._run.sizes.steps
            splits = {"validation": self._validate} | ({"test": self._test} if last else {})
            noise = probe(self._run, step, state.params)
            for split, evaluator in splits.items():
                log.evaluation(self._row(step, rate, split, evaluator, state) | noise)
            if last:
                self._run.directory.write_run(test_text=self._test.compressors())

    def _row(
        self, step: int, rate: float, split: str, evaluator: Evaluator, state: "TrainState"
    ) -> dict[str, Any]:
        experiment, sizes = self._run.experiment, self._run.sizes
        tokens, validation = experiment.ramp.tokens(step), split == "validation"
        return {
            "step": step,
            "tokens": tokens,
            "epochs": tokens / sizes.unique_tokens,
            "batch_tokens": experiment.ramp.batch_tokens(step - 1),
            "split": split,
            "scored_tokens": evaluator.tokens,
            "unigram_entropy": evaluator.unigram_entropy,
            "annealed": is_annealed(experiment.schedule, step, sizes.steps),
            "learning_rate": rate,
            **evaluator.fields(state.params, classes=validation and experiment.evaluation.token_classes),
            **(self._on_other_texts(state) if validation else {}),
            **answers_at(self._run, step, evaluator, state.params),
        }

    def _on_other_texts(self, state: "TrainState") -> dict[str, float]:
        """loss_on_NAME, loss_sem_on_NAME and bits_per_byte_on_NAME of each other text."""
        return {
            f"{field}_on_{name}": value
            for name, evaluator in self._others.items()
            for field, value in dataclasses.asdict(evaluator(state.params)).items()
        }
