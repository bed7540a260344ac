"""Quarry's command line: one short function per command, no logic of its own.

Exit codes: 0 done, 1 failed, 2 bad input, 75 preempted after saving.
"""

import dataclasses
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.text import Text
from tyro.conf import Positional, UseAppendAction, arg

from quarry.errors import DONE, FAILED, INTERRUPTED, PREEMPTED, QuarryError
from quarry.train.launch.slurm_options import SlurmOptions
from quarry.train.launch.tpu_slices import TpuOptions

EXIT = {"finished": DONE, "diverged": FAILED, "failed": FAILED, "preempted": PREEMPTED}

Output = Annotated[Path, arg(aliases=["-o"])]
console = Console()
errors = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Which:
    """Which losses of a table are read, and against which parameters."""

    count: Literal["n_nonembedding", "n_params", "n_nonembedding+n_head"] = "n_nonembedding"
    """Which parameters N counts, where the table has several counts."""
    split: Literal["validation", "test"] = "validation"
    """Which held-out text, where the table has both."""
    exclude: UseAppendAction[tuple[str, ...]] = ()
    """Conditions on points to leave out, such as "N<1e5", "run=study/point" or "N>1e8 and loss>4"."""


@dataclass(frozen=True)
class Draws:
    """How uncertainty is drawn."""

    bootstrap: int
    """Draws; 0 for no intervals."""
    level: float = 0.95
    """Of the intervals."""
    seed: int = 0
    """Of the draws."""


@dataclass(frozen=True)
class Written:
    """Where results go, beside the console."""

    output: Annotated[Path | None, arg(name="json")] = None
    """Also write the result here, as JSON."""
    figures: Path | None = None
    """Also draw the figures into this folder, as SVG."""


Flat = arg(name="")
"""The fields of such a group are options of the command, without the group's name before them."""


def _cache(given: Path | None) -> Path:
    from quarry.train.hosts.platform import cache_directory

    return given or cache_directory()


def _make_train(arguments: list[str]) -> Callable[..., int]:
    """The command `train`, its options' defaults those of the point that the command line names."""
    from quarry.train.config.experiment import Experiment
    from quarry.train.hosts.processes import Hosts
    from quarry.train.run.command import find_point

    point = find_point(arguments)
    default = point.config if point else Experiment()

    def train(
        file: Positional[Path],
        config: Annotated[Experiment, arg(name="")] = default,
        workdir: Path = Path("runs"),
        cache: Path | None = None,
        name: str | None = None,
        variant: str | None = None,
        cores: int = 1,
        hosts: Annotated[Hosts, arg(name="")] = Hosts(),  # noqa: B008
    ) -> int:
        """Create or resume one run: <workdir>/<study>/<point>/.

        Args:
            file: A scale-point file: it defines `config = Experiment(...)`.
            config: Any field of the experiment can be overridden.
            workdir: The directory of runs: a folder, or gs://bucket/folder.
            cache: Corpora, token stores and compiled programs; default $QUARRY_CACHE, else ~/.cache/quarry.
            name: Name of the point, instead of the file's.
            variant: Train this variant that the file names.
            cores: CPU cores to use; one is fastest for models of a few million parameters.
            hosts: One run on several hosts: the same command on each, with these where they are not found.
        """
        from quarry.checks import require
        from quarry.train.run.command import train_command

        require(point is not None, f"{file} is not a Python file that defines a scale point")
        assert point is not None
        chosen = dataclasses.replace(point, config=config, name=name or point.name)
        return EXIT[train_command(chosen, workdir, _cache(cache), cores, hosts, console)]

    return train


def _make_compile(arguments: list[str]) -> Callable[..., int]:
    """The command `compile`, its options' defaults those of the point that the command line names."""
    from quarry.train.config.experiment import Experiment
    from quarry.train.run.command import find_point

    point = find_point(arguments)
    default = point.config if point else Experiment()

    def compile(
        file: Positional[Path],
        target: Annotated[str, arg(name="for")],
        config: Annotated[Experiment, arg(name="")] = default,
        variant: str | None = None,
        json: Path | None = None,
        compare_remat: bool = False,
    ) -> int:
        """Compile a point's training step for a TPU slice or GPU, without one: memory, FLOPs, predicted time.

        Exit code 1 if it does not fit into the memory of the chips.

        Args:
            file: A scale-point file: it defines `config = Experiment(...)`.
            target: A slice, v5e:4x4, v5p:4x4x2, v6e:16x16 and the like: chip and chips along each side; or
                GPUs of one machine, h100, h100:8, h200.
            config: Any field of the experiment can be overridden.
            variant: Compile this variant that the file names.
            json: Also write the report here.
            compare_remat: Compile with each rematerialisation, and report on the fastest that fits.
        """
        from quarry.checks import require
        from quarry.train.inspect.compile import compile_command

        require(point is not None, f"{file} is not a Python file that defines a scale point")
        return DONE if compile_command(config, target, json, compare_remat, console) else FAILED

    return compile


def sweep(
    studies: Positional[tuple[str, ...]],
    workdir: Path = Path("runs"),
    cache: Path | None = None,
    workers: int | None = None,
    stack: int = 1,
    dry_run: bool = False,
    on: Literal["local", "slurm"] = "local",
    slurm: UseAppendAction[SlurmOptions] = SlurmOptions(),  # noqa: B008
    emit: Literal["sky", "jobset"] | None = None,
    emit_to: Path = Path("launch"),
    tpu: TpuOptions = TpuOptions(),  # noqa: B008
) -> int:
    """Train every point of a study (its name, its folder, or files); finished points are skipped.

    Args:
        studies: Names of studies in experiments/, folders, or files.
        workdir: The directory of runs: a folder, or gs://bucket/folder.
        cache: Corpora, token stores and compiled programs; default $QUARRY_CACHE, else ~/.cache/quarry.
        workers: Points at a time; default one per core, each pinned to its own, or one on an accelerator.
        stack: Points of one shape (seeds, rates, decays, U) that train in one program, for small models on
            an accelerator.
        dry_run: Only print what would be trained: N, U, E, k, B, S, C, estimated time and memory.
        on: Train on this machine, or submit the points to Slurm as one job array; points queued there already
            are left alone.
        slurm: For --on slurm: what each point asks of the cluster.
        emit: Train nothing; write a launch file for Cloud TPU per point: SkyPilot tasks or GKE JobSets.
        emit_to: The folder they are written to.
        tpu: For --emit: what each point asks of Cloud TPU.
    """
    from quarry import experiments
    from quarry.checks import require
    from quarry.train.launch.sweep import emit_command, sweep_command

    require(emit is not None or tpu == TpuOptions(), "--tpu options need --emit")
    require(emit is None or on == "local", "--emit and --on slurm exclude each other")
    require(on == "slurm" or slurm == SlurmOptions(), "--slurm options need --on slurm")
    require(on == "local" or workers is None, "--workers is for this machine; on Slurm, --slurm.at-once")
    require(on == "local" or stack == 1, "--stack is for this machine: on Slurm each point is a task")
    places = [Path(os.path.relpath(place)) for place in experiments.__path__]
    if emit:
        return EXIT[emit_command(studies, places, emit, tpu, emit_to, console)]
    cluster = slurm if on == "slurm" else None
    command = (studies, places, workdir, _cache(cache), workers, stack, dry_run, cluster, console)
    return EXIT[sweep_command(*command)]


def points(runs: Positional[Path], output: Output) -> int:
    """Write one row per evaluation of every run below a directory, as CSV or Parquet.

    Args:
        runs: A directory of runs, also gs://bucket/folder.
        output: The table to write, .csv or .parquet.
    """
    from quarry.train.record.points_table import points_table, write_table

    table = points_table(runs)
    write_table(table, output)
    console.print(f"{len(table)} points -> {output}", highlight=False)
    return DONE


def ensemble(
    studies: Positional[tuple[str, ...]],
    output: Output,
    workdir: Path = Path("runs"),
    cache: Path | None = None,
) -> int:
    """The held-out loss of runs that differ by their seeds only, their probabilities averaged.

    Args:
        studies: Names of studies in experiments/, folders, or files: of these the runs that have finished.
        output: The table to write, .csv or .parquet; `quarry epochs --ensembles` reads it.
        workdir: The directory of runs: a folder, or gs://bucket/folder.
        cache: Corpora, token stores and compiled programs; default $QUARRY_CACHE, else ~/.cache/quarry.
    """
    from quarry.train.hosts.platform import prepare

    prepare(_cache(cache))
    from quarry import experiments
    from quarry.train.config.branches import branches
    from quarry.train.inspect.ensembles import ensembles
    from quarry.train.launch.sweep import collect
    from quarry.train.record.points_table import write_table

    places = [Path(os.path.relpath(place)) for place in experiments.__path__]
    trunks = collect(studies, places)
    table = ensembles(
        [each for trunk in trunks for each in (trunk, *branches(trunk))], workdir, _cache(cache)
    )
    write_table(table, output)
    console.print(f"{len(table)} losses of ensembles -> {output}", highlight=False)
    return DONE


def fit(
    points: Positional[Path],
    law: str,
    x: Literal["N", "E", "U", "C"] = "N",
    terms: tuple[Literal["coupling", "reuse", "overfit"], ...] | None = None,
    freeze: UseAppendAction[tuple[str, ...]] = (),
    critical: UseAppendAction[tuple[str, ...]] = (),
    loss: str = "loss",
    mid_schedule: bool = False,
    hold_out: UseAppendAction[tuple[str, ...]] = (),
    at: UseAppendAction[tuple[str, ...]] = (),
    profile: UseAppendAction[tuple[str, ...]] = (),
    against: UseAppendAction[tuple[str, ...]] = (),
    objective: Literal["huber", "log", "raw"] = "huber",
    huber_delta: float | None = None,
    noise: str | None = None,
    above: float = 1.0,
    resampling: Literal["run", "point", "noise"] = "run",
    interval: Literal["percentile", "bca"] = "percentile",
    which: Annotated[Which, Flat] = Which(),
    draws: Annotated[Draws, Flat] = Draws(1000),
    written: Annotated[Written, Flat] = Written(),
) -> int:
    """Fit a law to a directory of runs or to any table with N, loss and one of D, E, C.

    `quarry plan` reads what --json writes.

    Args:
        points: A directory of runs, also gs://bucket/folder, or a CSV or Parquet table.
        law: kaplan-n, kaplan-d, kaplan-c, kaplan-nd, kaplan-ns, critical-batch, power-offset, chinchilla,
            skaling, data-constrained, effective-reuse, overfit-epochs, epochs, context, broken-power or
            overtraining.
        x: The variable of power-offset and broken-power.
        terms: The terms of epochs beside Chinchilla's; default coupling and reuse.
        freeze: Parameters held at a value, such as "A=521".
        critical: The critical batch for kaplan-ns, "B_star=2e8" and "alpha_B=0.21"; default Kaplan's.
        loss: The column that holds the loss.
        mid_schedule: Also use losses measured before the learning rate had decayed.
        hold_out: Conditions on points to leave out of the fit and to predict with it.
        at: Also say what the objective is at these parameters, such as "R_D=15.39", and downhill from there.
        profile: Also the profile likelihood of this parameter or derived quantity.
        against: Also compare with this law, by the error of predicting what neither was fitted on.
        objective: Huber terms of log loss, squares of log loss, or squares of loss.
        huber_delta: Where Huber terms turn from squares to absolute values; default 1e-3, with --noise 1.345.
        noise: The column with each loss's standard deviation.
        above: What a loss above the law costs, of one below it; less than 1 where some runs are tuned badly.
        resampling: Resample runs, points, or draw seed noise.
        interval: Percentile (widened for few runs) or BCa.
    """
    from quarry.analysis.commands.fit import fit_command

    options = dict(
        objective=objective, huber_delta=huber_delta, noise=noise, above=above, resampling=resampling,
        interval=interval, **vars(draws),
    )  # fmt: skip
    fit_command(
        points, law, x=x, terms=terms, freeze=freeze, critical=critical, loss=loss,
        annealed_only=not mid_schedule, hold_out=hold_out, at=at, profiles=profile, against=against,
        options=options, console=console, **vars(which), **vars(written),
    )  # fmt: skip
    return DONE


def rivals(
    points: Positional[Path],
    loss: str = "loss",
    least: float = 0.1,
    which: Annotated[Which, Flat] = Which(),
    draws: Annotated[Draws, Flat] = Draws(200),
    written: Annotated[Written, Flat] = Written(),
) -> int:
    """The laws of repeated data on the same points, judged by the largest N, U and k, which they did not see.

    Where the points were trained by several recipes the best at each N, U and k counts; `--exclude
    "weight_decay!=0.1"` keeps one.

    Args:
        points: A directory of runs, or a CSV or Parquet table with N, loss, U and D or E.
        loss: The column that holds the loss.
        least: The share of the points that each test holds out at least.
    """
    from quarry.analysis.commands.rivals import rivals_command

    options = {"least": least} | vars(draws)
    rivals_command(points, loss=loss, options=options, console=console, **vars(which), **vars(written))
    return DONE


def epochs(
    points: Positional[Path],
    rho: float = 0.1,
    ensembles: Path | None = None,
    unigram_entropy: float | None = None,
    losses: tuple[float, ...] = (),
    critical: UseAppendAction[tuple[str, ...]] = (),
    which: Annotated[Which, Flat] = Which(),
    draws: Annotated[Draws, Flat] = Draws(500),
    written: Annotated[Written, Flat] = Written(),
) -> int:
    """How many passes a model of N parameters needs on U tokens, and the verdicts on the claims about it.

    Args:
        points: A directory of runs, or a table of points as `quarry points` writes it.
        rho: Relative distance to the data floor that counts as having reached it.
        ensembles: What `quarry ensemble` wrote: the floor of ensembles, another model class, is shown too.
        unigram_entropy: L_0 of the held-out text, nats per token; default: as the runs recorded it.
        losses: Losses, nats per token, that tokens to a loss are of; default four that most sizes reached.
        critical: The critical batch, "B_star=2e8" and "alpha_B=0.21": tokens to a loss are then E_min.
    """
    from quarry.analysis.commands.epochs import epochs_command

    options = {"rho": rho, "unigram_entropy": unigram_entropy, "losses": losses} | vars(draws)
    epochs_command(
        points, ensembles, critical=critical, options=options, console=console, **vars(which), **vars(written)
    )
    return DONE


def allocate(
    points: Positional[Path],
    flops: tuple[float, ...],
    method: Literal["envelope", "isoflop", "parametric", "kaplan"] = "isoflop",
    law: Literal["chinchilla", "skaling"] = "chinchilla",
    curve: Literal["akima", "parabola"] = "akima",
    critical: UseAppendAction[tuple[str, ...]] = (),
    loss: str = "loss",
    mid_schedule: bool = False,
    which: Annotated[Which, Flat] = Which(),
    draws: Annotated[Draws, Flat] = Draws(1000),
    written: Annotated[Written, Flat] = Written(),
) -> int:
    """The compute-optimal parameters and tokens of each budget, with intervals.

    Args:
        points: A directory of runs, also gs://bucket/folder, or a CSV or Parquet table.
        flops: Budgets, in FLOPs.
        method: Envelope of curves (Chinchilla's approach 1), isoFLOP minima (2), fitted law (3), or Kaplan's.
        law: The law of the method parametric.
        curve: What runs through the losses of one budget.
        critical: The critical batch for the method kaplan, "B_star=2e8" and "alpha_B=0.21"; default Kaplan's.
        loss: The column that holds the loss.
        mid_schedule: Also use losses measured before the learning rate had decayed.
    """
    from quarry.analysis.commands.allocate import allocate_command

    allocate_command(
        points, flops, method=method, law=law, curve=curve, critical=critical, loss=loss,
        annealed_only=not mid_schedule, options=vars(draws), console=console, **vars(which), **vars(written),
    )  # fmt: skip
    return DONE


def plan(
    flops: float | None = None,
    unique_tokens: float | None = None,
    batch_tokens: float | None = None,
    fit: UseAppendAction[tuple[Path, ...]] = (),
    next: int | None = None,
    budget: float | None = None,
    target: str | None = None,
    most_per_run: float | None = None,
    like: Path | None = None,
    points: Path | None = None,
    json: Path | None = None,
    figure: Path | None = None,
) -> int:
    """What to train: with --flops the best N, E and k by each law; with --next the runs to learn most from.

    Args:
        flops: The budget of one run, in FLOPs.
        unique_tokens: The unique tokens there are; default as many as are read.
        batch_tokens: The batch; default the critical batch of Kaplan et al. 2020.
        fit: A fit that `quarry fit --json` wrote; more than one may be given. Default: published fits.
        next: Choose this many further scale points.
        budget: What they may cost together, in FLOPs.
        target: What they are to pin down: "loss@1e21", a parameter of the law, or a derived quantity.
        most_per_run: The most that one of them may cost, in FLOPs.
        like: A scale-point file after which the next points are written as files.
        points: The folder they are written to.
        json: Also write the result here.
        figure: Also draw it here.
    """
    from quarry.analysis.commands.plan import next_command, plan_command
    from quarry.train.launch.scaffold import write_points

    if next is None:
        plan_command(
            fits=fit, flops=flops, unique_tokens=unique_tokens, batch_tokens=batch_tokens, figure=figure,
            output=json, console=console,
        )  # fmt: skip
    else:
        next_command(
            fits=fit, runs=next, budget=budget, target=target, most_per_run=most_per_run,
            unique_tokens=unique_tokens, like=like, points=points, write_points=write_points, output=json,
            console=console,
        )  # fmt: skip
    return DONE


def crossing(
    points: Positional[Path | None] = None,
    offset: Literal["none", "shared", "separate"] = "none",
    surface: str | None = None,
    eps: float = 0.05,
    mid_schedule: bool = False,
    which: Annotated[Which, Flat] = Which(),
    draws: Annotated[Draws, Flat] = Draws(1000, 0.9),
    written: Annotated[Written, Flat] = Written(),
) -> int:
    """Where L(C) meets L(D): the naive crossing with its whole distribution, and the merge on one surface.

    Args:
        points: A directory of runs, or a table with N, E, U and loss; without it Kaplan's constants.
        offset: L(C) and L(D) without irreducible loss, with a shared one, or with one each.
        surface: Also fit this law and say from which C on its frontier comes within eps of its data floor.
        eps: That distance, as a fraction of the floor's reducible loss.
        mid_schedule: Also use losses measured before the learning rate had decayed.
    """
    from quarry.analysis.commands.crossing import crossing_command

    crossing_command(
        points, annealed_only=not mid_schedule, offset=offset, surface=surface, eps=eps, console=console,
        **vars(which), **vars(draws), **vars(written),
    )  # fmt: skip
    return DONE


def report(
    runs: Positional[Path], output: Output = Path("report.html"), bootstrap: int = 1000, seed: int = 0
) -> int:
    """Write one self-contained HTML page on a directory of runs: curves, frontier, fits, tables.

    Args:
        runs: A directory of runs, also gs://bucket/folder.
        output: The page to write.
        bootstrap: Draws of the bootstrap by run.
        seed: Of the bootstrap.
    """
    from quarry.analysis.report.page import write_report

    write_report(runs, output, bootstrap=bootstrap, seed=seed)
    console.print(f"report -> {output}", highlight=False)
    return DONE


def demo(
    workdir: Path = Path("runs"), cache: Path | None = None, output: Output = Path("report.html")
) -> int:
    """Train the quickstart ladder on real text, fit the laws, write the report.

    Args:
        workdir: The directory of runs.
        cache: Corpora, token stores and compiled programs; default $QUARRY_CACHE, else ~/.cache/quarry.
        output: The page to write.
    """
    code = sweep(("quickstart",), workdir, cache)
    if code != DONE:
        return code
    points(workdir / "quickstart", workdir / "quickstart" / "points.parquet")
    return report(workdir / "quickstart", output)


def doctor(
    file: Positional[Path | None] = None, workdir: Path = Path("runs"), cache: Path | None = None
) -> int:
    """Say what this machine has: devices, versions, caches, speed, and what each extra would add.

    Args:
        file: A scale-point file: is there room for its checkpoints?
        workdir: The directory of runs: can it be locked, how much is free?
        cache: Corpora, token stores and compiled programs; default $QUARRY_CACHE, else ~/.cache/quarry.
    """
    from quarry.train.hosts.platform import available_cores, prepare

    cores = len(available_cores())
    prepare(_cache(cache))
    from quarry.train.config.point_files import load_point_file
    from quarry.train.inspect.doctor import diagnose

    experiment = load_point_file(file)[0].config if file else None
    diagnose(_cache(cache), workdir, experiment, cores, console)
    return DONE


def _run(arguments: list[str]) -> int:
    commands = {
        function.__name__: function
        for function in (
            sweep,
            points,
            ensemble,
            fit,
            rivals,
            epochs,
            allocate,
            crossing,
            plan,
            report,
            demo,
            doctor,
        )
    }
    if not arguments or arguments[0] not in commands:
        made = {"train": _make_train(arguments[1:]), "compile": _make_compile(arguments[1:])}
        commands = made | commands
    return tyro.extras.subcommand_cli_from_dict(
        commands, prog="quarry", description="A laboratory for neural scaling laws.", args=arguments
    )


def main() -> None:
    """Run one command; a bad input ends in one sentence and exit code 2."""
    try:
        sys.exit(_run(sys.argv[1:]))
    except QuarryError as error:
        errors.print(Text("error: ", "bold red") + Text(str(error)), soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
