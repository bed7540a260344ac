"""`quarry compile`: memory, FLOPs and predicted time of a training step on chips that are not there."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, get_args

from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from quarry.console import make_console
from quarry.errors import DONE, FAILED
from quarry.model.config import Remat
from quarry.options import Flat
from quarry.train.commands.common import File
from quarry.train.commands.point import find_point, require_point
from quarry.train.config.experiment import Experiment
from quarry.train.inspect.compile import Report, compile_step
from quarry.train.record.files import writing_whole


@dataclass(frozen=True)
class CompileOptions:
    """What `quarry compile` reports."""

    variant: str | None = None
    """Compile this variant, one of those that the file defines."""
    json: Path | None = None
    """Also write the report to this file."""
    compare_remat: bool = False
    """Compile with each rematerialisation, and report on the fastest that fits."""


def make_command(words: Sequence[str]) -> Callable[..., int]:
    """The command, with the fields of the point that `words` name as the defaults of its options."""
    point = find_point(words)
    default = point.config if point else Experiment()

    def command(
        file: File,
        target: Annotated[str, arg(name="for")],
        config: Annotated[Experiment, Flat] = default,
        options: Annotated[CompileOptions, Flat] = CompileOptions(),
    ) -> int:
        """Compile a point's training step for a TPU slice or GPU, without one: memory, FLOPs, predicted time.

        Exit code 1 if it does not fit into the memory of the chips.

        Args:
            target: A slice, v5e:4x4, v5p:4x4x2, v6e:16x16 and the like: chip and chips along each side; or
                GPUs of one machine, h100, h100:8, h200.
            config: Every field of the experiment can be overridden.
        """
        require_point(point, file)
        return DONE if report_compilation(config, target, options, make_console()) else FAILED

    return command


def report_compilation(
    experiment: Experiment, target: str, options: CompileOptions, console: Console
) -> bool:
    """Print what the compiled step needs, write it as JSON if asked; returns whether it fits into memory."""
    try:
        if options.compare_remat:
            report = _fastest(experiment, target, console)
        else:
            report = compile_step(experiment, target)
    except MemoryError as error:
        console.print(f"does not fit on {target}: {error}", highlight=False, soft_wrap=True)
        return False
    console.print(_table(report))
    if options.json is not None:
        with writing_whole(options.json) as partial:
            partial.write_text(json.dumps(_json_values(report), indent=2) + "\n", encoding="utf-8")
    verdict = "fits" if report.fits else "does not fit"
    share = f"{_size(report.total)} of {_size(report.hbm)} per device"
    console.print(f"{verdict} on {target}: {share}", highlight=False)
    return report.fits


def _fastest(experiment: Experiment, target: str, console: Console) -> Report:
    """The report for the fastest rematerialisation that fits, else for the one with the least memory.

    The time compared is the longer prediction: computation, memory and network one after another. Raises
    MemoryError if the compiler fits none.
    """
    table = Table("model.remat", "memory", "step", "utilisation", box=None, padding=(0, 2, 0, 0))
    reports: list[Report] = []
    for remat in get_args(Remat):
        candidate = replace(experiment, model=replace(experiment.model, remat=remat))
        try:
            reports.append(compile_step(candidate, target))
        except MemoryError:
            table.add_row(remat, "does not fit")
        else:
            size = f"{_size(reports[-1].total)}{'' if reports[-1].fits else ', too much'}"
            table.add_row(remat, size, *_prediction(reports[-1]))
    console.print(table)
    if not reports:
        raise MemoryError("with any rematerialisation")
    best = min(reports, key=lambda each: (not each.fits, each.step_seconds[1] if each.fits else each.total))
    console.print(f"model.remat = {best.remat}", highlight=False)
    return best


def _json_values(report: Report) -> dict[str, Any]:
    """The report as JSON values: what was counted, and what follows from it."""
    derived = ("total", "fits", "seconds", "step_seconds", "utilisation")
    return asdict(report) | {name: getattr(report, name) for name in derived}


def _table(report: Report) -> Table:
    """The report, a quantity a row."""
    table = Table("what", "amount", box=None, padding=(0, 2, 0, 0))
    table.add_row("devices", f"{report.devices}: {report.mesh}")
    for name in ("arguments", "outputs", "temporaries", "program", "total"):
        table.add_row(f"{name}, per device", _size(getattr(report, name)))
    table.add_row("FLOPs of matrix products, per step", f"{report.flops:.3e}")
    table.add_row("FLOPs of the model alone, per step", f"{report.model_flops:.3e}")
    table.add_row("memory traffic, per step and device", _size(report.memory_traffic))
    for kind, (count, size) in report.collectives.items():
        table.add_row(f"{kind}, per step and device", f"{count:,} of {_size(size)} together")
    for kernel, count in report.kernels.items():
        table.add_row(f"{kernel}, per step and device", f"{count:,}")
    for what, seconds in report.seconds.items():
        table.add_row(f"{what}, at the chip's peak", _time(seconds))
    bound = max(report.seconds, key=lambda what: report.seconds[what])
    step, utilisation = _prediction(report)
    table.add_row("step, with full overlap to none", f"{step}, bound by {bound}")
    table.add_row("model FLOP utilisation", utilisation)
    table.add_row("compilation", f"{report.compile_seconds:.0f} s")
    return table


def _prediction(report: Report) -> tuple[str, str]:
    """Time of a step and utilisation, each as the range in which it should lie."""
    shortest, longest = report.step_seconds
    low, high = report.utilisation
    return f"{_time(shortest)} to {_time(longest)}", f"{low:.0%} to {high:.0%}"


def _time(seconds: float) -> str:
    if seconds < 1e-4:
        return f"{seconds * 1e6:.2f} µs"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.2f} ms"


def _size(size: int) -> str:
    if size < 2**17:
        return f"{size / 2**10:.2f} KiB"
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.2f} MiB"
