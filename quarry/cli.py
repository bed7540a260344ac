"""Quarry's command line: which module holds which command, and what happens when one fails.

Exit codes: 0 done, 1 failed, 2 bad input, 75 preempted after saving.
"""

import errno
import os
import resource
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple, NoReturn

import tyro
from rich.text import Text

import quarry
from quarry.cache import cache_directory, keep_programs
from quarry.collector import collect_rarely, leave_cycles
from quarry.console import forgiving_output, lost_output, make_console
from quarry.errors import (
    INTERRUPTED,
    NOT_UTF8,
    ConfigError,
    OutOfMemory,
    OutputLost,
    QuarryError,
    is_utf8,
)
from quarry.installation import require_training, sample_table, training_is_installed
from quarry.options import OPTIONAL, hide_empty_defaults
from quarry.text import choose


class Command(NamedTuple):
    """A command's module and the first sentence of its help; the module is imported when the command runs."""

    module: str
    summary: str


COMMANDS = {
    "new": Command(
        "quarry.train.commands.new",
        "Write a study: a folder with a recipe and one file per scale point, ready to sweep.",
    ),
    "data": Command(
        "quarry.train.commands.data",
        "Which corpora there are; `get`, `put` (copy), `join` or `inspect` one, `mix` by a run's losses.",
    ),
    "train": Command("quarry.train.commands.train", "Create or resume one run: <workdir>/<study>/<point>/."),
    "compile": Command(
        "quarry.train.commands.compile",
        "Compile a point's training step for a TPU slice or GPU, without one: memory, FLOPs, predicted time.",
    ),
    "sweep": Command(
        "quarry.train.commands.sweep",
        "Train every point of a study (its name, its folder, or files); finished points are skipped.",
    ),
    "tune": Command(
        "quarry.train.commands.tune",
        "Search the values of a point's fields that give the lowest validation loss, by Optuna; resumable.",
    ),
    "watch": Command(
        "quarry.train.commands.watch",
        "Show how far the runs below a directory are, until none trains or Ctrl-C.",
    ),
    "points": Command(
        "quarry.train.commands.points",
        "Write one row per evaluation of every run below a directory, as CSV or Parquet.",
    ),
    "import": Command(
        "quarry.analysis.commands.import_points",
        "Write the points of other trainers' logs as a table: nanochat, MaxText, W&B exports, TensorBoard.",
    ),
    "ensemble": Command(
        "quarry.train.commands.ensemble",
        "Average the probabilities of runs that differ by their seeds only, and write the held-out losses.",
    ),
    "retrieve": Command(
        "quarry.train.commands.retrieve",
        "The test loss of runs, of a look-up of their training tokens, and of both mixed (kNN-LM).",
    ),
    "teacher": Command(
        "quarry.train.commands.teacher",
        "Write the model of a finished run as a teacher, whose text is a synthetic corpus.",
    ),
    "score": Command(
        "quarry.train.commands.score",
        "Score the pieces of a corpus by the model of a finished run, for the rules of data.selection.",
    ),
    "sample": Command(
        "quarry.train.commands.sample", "Print text that the model of a run writes after a prompt."
    ),
    "activations": Command(
        "quarry.train.commands.activations",
        "Write the last activations of the model of a run on held-out text, for `quarry dimension`.",
    ),
    "finetune": Command(
        "quarry.train.commands.finetune",
        "Fine-tune trained models on few labelled snippets of text, and write their accuracies.",
    ),
    "export": Command(
        "quarry.train.commands.export",
        "Write the model of a run as model.safetensors, tokenizer.json and config.json.",
    ),
    "fit": Command(
        "quarry.analysis.commands.fit",
        "Fit a law to a directory of runs or to any table with N, loss and one of D, E, C.",
    ),
    "rivals": Command(
        "quarry.analysis.commands.rivals",
        "Compare the laws of repeated data by their predictions of held-out points of large N, U and k.",
    ),
    "epochs": Command(
        "quarry.analysis.commands.epochs",
        "How many passes a model of N parameters needs on U tokens, and the verdicts on the claims about it.",
    ),
    "allocate": Command(
        "quarry.analysis.commands.allocate",
        "The compute-optimal parameters and tokens of each budget, with intervals.",
    ),
    "crossing": Command(
        "quarry.analysis.commands.crossing",
        "Where L(C) meets L(D): the crossing with its whole distribution, and the merge on one surface.",
    ),
    "plan": Command(
        "quarry.analysis.commands.plan",
        "What to train: with --flops the best N, E, k by each law; with --next the most informative runs.",
    ),
    "critical-batch": Command(
        "quarry.analysis.commands.critical_batch",
        "The critical batch by the gradient noise scale of runs, beside that of a sweep of batches.",
    ),
    "context": Command(
        "quarry.analysis.commands.context",
        "The loss of each run by position in the context at its end, and the law a + b T^-c of it.",
    ),
    "texts": Command(
        "quarry.analysis.commands.texts",
        "The offset of the loss on other texts, and how the loss of each class of tokens falls with N and U.",
    ),
    "dimension": Command(
        "quarry.analysis.commands.dimension",
        "The intrinsic dimension of activations, or of any points, beside points of known dimension.",
    ),
    "report": Command(
        "quarry.analysis.commands.report",
        "Write one self-contained HTML page on runs or a table: curves, compute-optimal sizes, fits, tables.",
    ),
    "notebook": Command(
        "quarry.analysis.commands.notebook",
        "Copy the notebooks into a folder of yours and open it in JupyterLab.",
    ),
    "demo": Command(
        "quarry.demo", "Train the quickstart ladder on real text, fit the laws, write the report."
    ),
    "doctor": Command(
        "quarry.train.commands.doctor",
        "Report devices, versions, caches and speed of this machine, and what each extra would add.",
    ),
}

LEAST_ADDRESS_SPACE = 2000 * 2**20
"""Below it a small fit or run on two cores was seen to end in an abort of a library."""
COMPLETION = ("--tyro-print-completion", "--tyro-write-completion")
"""Options of tyro: print or write a script with which a shell completes commands and options."""
TRAINING = {
    "data",
    "train",
    "compile",
    "sweep",
    "tune",
    "ensemble",
    "retrieve",
    "teacher",
    "score",
    "activations",
    "finetune",
    "sample",
    "export",
    "demo",
}
"""Commands that need the packages of the extra `train`."""
RECORDED = {"train", "sweep", "tune", "points", "ensemble", "retrieve", "activations", "finetune"}
"""Commands whose result is a record or a file, not what they print."""


def find_command(name: str, words: Sequence[str]) -> Callable[..., int]:
    """The function of a command, whose parameters are the options.

    Raises ConfigError for an unknown name, or where a training command lacks training's packages.

    `words` are those after the name: `train` and `compile` find in them the scale point whose fields are the
    defaults of the options, `data` what is to be done.
    """
    if name not in COMMANDS:
        raise ConfigError(f"no command {name!r}: {choose(name, COMMANDS)}")
    if name in TRAINING:
        require_training(f"quarry {name}")
    else:
        keep_programs(cache_directory())
        collect_rarely()
        leave_cycles()
    module = import_module(COMMANDS[name].module)
    if name in ("train", "compile", "data"):
        return module.make_command(words)
    if name == "plan":
        return module.make_command(_write_points)
    return module.command


def _write_points(*arguments, **options):
    """`quarry.train.launch.scaffold.write_points`, which the analysis may not import."""
    from quarry.train.launch.scaffold import write_points

    return write_points(*arguments, **options)


def run(words: Sequence[str]) -> int:
    """Run the command line `words` and return its exit code. Raises QuarryError for bad input."""
    if words and not words[0].startswith("-"):
        check_address_space()
        wrong = next((word for word in words if not is_utf8(word)), None)
        if words[0] in TRAINING | {"new"} and wrong is not None:
            raise ConfigError(f"{wrong!r} {NOT_UTF8}")
        words = [words[0], *map(sample_table, words[1:])]
        command = find_command(words[0], words[1:])
        hide_empty_defaults(command)
        with OPTIONAL:
            return tyro.cli(command, prog=f"quarry {words[0]}", args=words[1:])
    if list(words) == ["--version"]:
        make_console().print(f"quarry {quarry.__version__}", highlight=False)
        return 0
    whole = any(word.startswith(COMPLETION) for word in words)
    with OPTIONAL:
        return tyro.extras.subcommand_cli_from_dict(
            {name: _with_options(name) if whole else _described(name) for name in COMMANDS},
            prog="quarry",
            description="A laboratory for neural scaling laws. `quarry --version` prints the version.",
            args=words,
        )


def _with_options(name: str) -> Callable[..., int]:
    """The function of a command, so that a completion script holds its options, if its packages are here."""
    if name in TRAINING and not training_is_installed():
        return _described(name)
    return find_command(name, [])


def _described(name: str) -> Callable[[], int]:
    """A function that stands for a command in the list of commands, so that its module is not imported."""

    def command() -> int:
        raise AssertionError("commands are run by `run`")

    command.__doc__ = COMMANDS[name].summary
    return command


def main() -> None:
    """Run one command; bad input ends in one sentence and exit code 2."""
    try:
        with forgiving_output():
            code = _exit_code(sys.argv[1:])
        check_output(sys.argv[1:])
        sys.exit(code)
    except QuarryError as error:
        _end(error)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        known = _known(error, sys.argv[1:])
        if known is None:
            raise
        _end(known)


def _exit_code(words: Sequence[str]) -> int:
    """That of `run`, or of the end after the text of `--help`, which may not have reached its reader."""
    try:
        return run(words)
    except SystemExit as end:
        if end.code:
            raise
        return 0


def check_address_space() -> None:
    """Raise OutOfMemory for a `ulimit -v` under which the libraries abort instead of raising MemoryError."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
        raise OutOfMemory(
            f"`ulimit -v` allows {limit / 2**30:.1f} GiB of address space, and JAX and Polars need "
            f"{LEAST_ADDRESS_SPACE / 2**30:.1f} GiB before any data: raise it"
        )


def check_output(words: Sequence[str]) -> None:
    """Raise OutputLost if the console took no more of what a command prints, unless that is in a file too."""
    error = lost_output()
    if error and not (words and words[0] in RECORDED):
        raise OutputLost(f"what was printed is not complete: {error.strerror}")


def _end(error: QuarryError) -> NoReturn:
    """Print the sentence of `error` and exit with its code."""
    message = Text("error: ", "bold red") + Text(str(error))
    make_console(stderr=True).print(message, soft_wrap=True, highlight=False)
    sys.exit(error.exit_code)


def _known(error: Exception, words: Sequence[str]) -> QuarryError | None:
    """What the machine says of memory (XLA's class of error is not imported here) and of names of files."""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return OutOfMemory(f"out of memory: {str(error).splitlines()[0] if str(error) else 'none is left'}")
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return ConfigError(_too_long(str(error.filename), words))
    return None


def _too_long(path: str, words: Sequence[str]) -> str:
    """Which of the command's `words` gave a path with too long a name, and how long that is."""
    name = max(path.split("/"), key=len)
    at = next((place for place, word in enumerate(words) if name in word), 0)
    field = next(
        (f"{word.split('=')[0]}: " for word in words[max(at - 1, 0) : at + 1] if word[:2] == "--"), ""
    )
    return f"{field}the name {name[:40]}... has {len(os.fsencode(name))} bytes, and file systems take 255"
