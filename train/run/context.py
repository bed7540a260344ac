"""What the parts of one run share: its experiment, sizes, data, devices, record and display."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jax.sharding import Mesh

if TYPE_CHECKING:
    from quarry.train.config.experiment import Experiment
    from quarry.train.data.store import TokenStore
    from quarry.train.record.progress import Watcher
    from quarry.train.record.run_directory import RunDirectory
    from quarry.train.run.reference import ReferenceLosses
    from quarry.train.run.sizes import RunSizes


@dataclass(frozen=True)
class RunContext:
    """One process's view of a run; nothing in it changes while the run trains."""

    experiment: "Experiment"
    sizes: "RunSizes"
    store: "TokenStore"
    mesh: Mesh
    directory: "RunDirectory"
    watcher: "Watcher"
    program: "Callable[[Experiment, Mesh], Any]"
    """Makes the step that an experiment's requests name: compiled, or shared by a stack of runs."""
    trunk: "RunDirectory | None" = None
    """The run that this one is a branch of."""
    others: "Mapping[str, TokenStore]" = field(default_factory=dict)
    """The texts of `evaluation.also`, by name."""
    reference: "ReferenceLosses | None" = None
    """What an online rule subtracts from the losses of candidates."""

    def report(self, event: str, step: int, sentence: str) -> None:
        """Add an event to the record and show it to the user."""
        self.directory.add_event(event, step, sentence)
        self.watcher.say(sentence)

    def position(self, step: int) -> int:
        """Where in the batch order a step begins, in sequences."""
        trained = self.experiment.ramp.tokens(step) // self.experiment.model.context
        return trained * self.experiment.candidates
