"""The corpus `reasoning`: questions and answers of procedural mathematics, by the package reasoning-gym."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from quarry.errors import DataError
from quarry.installation import require_extra
from quarry.train.data.documents import Corpus, Document
from quarry.train.data.options import read_options
from quarry.train.data.progress import tracked

MATHEMATICS = ("algebra", "arithmetic", "geometry")
"""The parts of reasoning-gym whose tasks are drawn unless `tasks` names others."""
SLOW = {"intermediate_integration", "polynomial_equations"}
"""Tasks of which a question takes 50 to 100 ms, most of the time of all; drawn only if `tasks` names them."""
UNREPEATABLE = {"polynomial_multiplication"}
"""Tasks whose text differs between processes, in reasoning-gym 0.1.25: they iterate over sets of strings."""


@dataclass(frozen=True)
class ReasoningOptions:
    documents: int = 20_000
    seed: int = 0
    tasks: str = ""


class Reasoning:
    """Questions with their answers, of every task in turn, always the same for the same options."""

    usage = "reasoning[?documents=N,seed=N,tasks=NAME+NAME]"
    about = "procedural mathematics of reasoning-gym, one document per question with its answer"
    licence = "Apache-2.0"

    def check_installed(self, data_dir: Path) -> None:
        require_extra("corpus = 'reasoning'", "reasoning", "reasoning_gym")

    def version(self, argument: str) -> str:
        _options(argument)
        self.check_installed(Path())
        return metadata.version("reasoning-gym")

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        _options(argument)
        self.check_installed(data_dir)
        return []

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        options = _options(argument)
        self.check_installed(data_dir)
        tasks = _tasks(name, options)
        count = -(-options.documents // len(tasks))
        sets = [_data_set(task, count, options.seed) for task in tasks]
        places = (divmod(index, len(tasks)) for index in range(options.documents))
        texts = [
            _text(sets[task][item]) for item, task in tracked(places, "drawing questions", options.documents)
        ]

        def read(index: int) -> Document:
            return Document(f"{tasks[index % len(tasks)]}[{index // len(tasks)}]", texts[index])

        release = metadata.version("reasoning-gym")
        source = f"reasoning-gym {release}, https://github.com/open-thought/reasoning-gym"
        return Corpus(name, source, self.licence, options.documents, read)


def _options(argument: str) -> ReasoningOptions:
    options = ReasoningOptions(**read_options(argument, "reasoning", ReasoningOptions))
    for name, least in (("documents", 10), ("seed", 0)):
        value = getattr(options, name)
        if value < least:
            raise DataError(f"corpus = 'reasoning?{argument}': {name} = {value} must be at least {least}")
    return options


def _tasks(name: str, options: ReasoningOptions) -> list[str]:
    """The names of the tasks, sorted. Raises DataError for one that reasoning-gym does not have."""
    from reasoning_gym.factory import DATASETS

    if not options.tasks:
        found = (task for task, (kind, _) in DATASETS.items() if _part(kind) in MATHEMATICS)
        return sorted(set(found) - SLOW - UNREPEATABLE)
    tasks = sorted(set(options.tasks.split("+")))
    for task in tasks:
        if task in UNREPEATABLE:
            raise DataError(f"corpus = {name!r}: the text of {task} differs between processes: leave it out")
        if task not in DATASETS:
            raise DataError(
                f"corpus = {name!r}: reasoning-gym has no task {task!r}: {', '.join(sorted(DATASETS))}"
            )
    return tasks


def _part(kind: type[Any]) -> str:
    """The part of reasoning-gym that a class of data sets is in."""
    return [*kind.__module__.split("."), ""][1]


def _data_set(task: str, count: int, seed: int) -> Any:
    import reasoning_gym

    return reasoning_gym.create_dataset(task, size=count, seed=seed)


def _text(item: dict[str, Any]) -> str:
    return f"{item['question'].strip()}\n{item['answer']}\n"
