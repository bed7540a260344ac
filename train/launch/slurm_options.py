"""The options of a Slurm cluster: `quarry sweep --on slurm --slurm.partition gpu ...`."""

import re
from dataclasses import dataclass
from typing import Any

from quarry.checks import check_types, require

TIME = re.compile(r"\d+|(\d+-)?\d+:\d+(:\d+)?|\d+-\d+")
"""Minutes, minutes:seconds, hours:minutes:seconds, or days-hours with :minutes and :seconds after it."""
MEMORY = re.compile(r"\d+[KMGT]?")
DIRECTIVE = re.compile(r"[a-z][a-z-]*(=.+)?")


@dataclass(frozen=True)
class SlurmOptions:
    """What each point requests from the cluster; every point of a sweep is one task of a job array."""

    partition: str | None = None
    """Partition, or several as a list with commas; default the cluster's."""
    account: str | None = None
    """Account to charge."""
    qos: str | None = None
    """Quality of service."""
    time: str | None = None
    """Time limit of one job, such as 90 (minutes), 4:00:00 or 1-12; a run that needs more is saved and queued
    again. Default the partition's."""
    warning: int = 120
    """Seconds before the time limit at which a point receives the signal to save and stop."""
    cpus: int = 1
    """CPU cores of each process."""
    gpus: int = 0
    """GPUs of each node."""
    memory: str | None = None
    """Memory of each node, such as 16G; default the partition's."""
    nodes: int = 1
    """Nodes for each point; on several, and with several processes, a point is one run on all of them."""
    tasks_per_node: int | None = None
    """Processes on each node; default one, and on several nodes with GPUs one for each GPU, as JAX wants."""
    at_once: int | None = None
    """Points that may run at the same time; default all."""
    setup: tuple[str, ...] = ()
    """Shell lines that the job runs first, such as "module load cuda"; may be given several times."""
    extra: tuple[str, ...] = ()
    """Further options of sbatch, such as constraint=h100 or exclusive; may be given several times."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("warning", "cpus", "nodes", "tasks_per_node", "at_once"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"slurm.{name} must be at least 1, not {value}")
        require(self.gpus >= 0, f"slurm.gpus must not be negative: {self.gpus}")
        self._check_words()
        require(
            self.gpus == 0 or self.processes == 1 or self.tasks == self.gpus,
            f"slurm.tasks_per_node = {self.tasks} must equal slurm.gpus = {self.gpus}: with several "
            "processes each has one GPU",
        )

    def _check_words(self) -> None:
        for name, pattern in (("time", TIME), ("memory", MEMORY)):
            value = getattr(self, name)
            good = value is None or pattern.fullmatch(value) is not None
            require(good, f"slurm.{name} = {value!r} is not a {name} that Slurm knows")
        bad = next((word for word in self.extra if DIRECTIVE.fullmatch(word) is None), None)
        require(bad is None, f"slurm.extra = {bad!r} must be an option of sbatch without dashes: name=value")
        for name in ("partition", "account", "qos"):
            value = getattr(self, name)
            require(value is None or value.isprintable(), f"slurm.{name} = {value!r} is not a printable name")

    @property
    def tasks(self) -> int:
        """Processes on each node."""
        return self.tasks_per_node or (max(1, self.gpus) if self.nodes > 1 else 1)

    @property
    def processes(self) -> int:
        """Processes of each point."""
        return self.nodes * self.tasks

    def directives(self) -> dict[str, Any]:
        """The same as options of sbatch."""
        named = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "time": self.time,
            "mem": self.memory,
            "gpus-per-node": self.gpus or None,
        }
        given = {name: value for name, value in named.items() if value is not None}
        pairs = (word.partition("=") for word in self.extra)
        return given | {name: value if equals else True for name, equals, value in pairs}
