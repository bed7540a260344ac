"""What the studies of docs/results.md and those beside them cost: runs and FLOPs of every scale, from their
config files, and hours on one H200 by the throughput measured there."""

from pathlib import Path

from quarry.model.counting import count_parameters, flops_exact
from quarry.text import count, power
from quarry.train.config.branches import branch_configs, fork_step
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import load_point_file

ROOT = Path(__file__).resolve().parents[2]
STUDIES = (
    *("kaplan_n", "kaplan_d", "kaplan_nd", "kaplan_compute", "kaplan_batch", "kaplan_shape"),
    *("kaplan_context", "kaplan_transfer", "kaplan_architectures", "chinchilla_envelope"),
    *("chinchilla_isoflop", "porian", "henighan", "quarries", "epochs", "transfer", "ensembles"),
    *("geometry", "finetuning"),
)
SCALES = ("", "cpu", "gpu", "tpu", "paper")
THROUGHPUT = Path("experiments/results/speed/gpu-2026-11-29.csv")
PRODUCTS = 786.5e12
"""FLOP/s of one large product in bf16 on an H200, measured (`THROUGHPUT`)."""
SHARES = {0: 0.4, 200_000_000: 0.5, 1_000_000_000: 0.65}
"""From so many parameters on, embeddings counted: the share of it that training reaches. Measured there at
a context of 2,048: 42.5% at 124 million, 52.5% at 350 million, 67% at 1.3 billion; not beyond these."""


def flops(config: Experiment) -> float:
    """Exact FLOPs of a run: its own tokens and the cooldowns of its branches."""
    unique = config.data.unique_tokens or 1  # without it no duration is in passes
    tokens = config.ramp.tokens(config.steps(unique))
    for branch in branch_configs(config).values():
        tokens += branch.ramp.tokens(branch.steps(unique)) - branch.ramp.tokens(fork_step(branch, unique))
    return float(flops_exact(config.model)) * tokens


def hours(config: Experiment) -> float:
    """Of a run and its branches, on one H200."""
    size = count_parameters(config.model).total
    share = next(share for least, share in reversed(SHARES.items()) if size >= least)
    return flops(config) / (share * PRODUCTS) / 3600


def row(folder: Path) -> dict[str, str]:
    configs = [point.config for file in point_files(folder) for point in load_point_file(file)]
    sizes = [count_parameters(config.model).nonembedding for config in configs]
    return {
        "study": str(folder.relative_to(ROOT)),
        "runs": f"{sum(1 + len(branch_configs(config)) for config in configs)}",
        "N": " to ".join(dict.fromkeys((count(min(sizes)), count(max(sizes))))),
        "flops": power(sum(map(flops, configs))),
        "time": _words(sum(map(hours, configs))) if folder.name in ("gpu", "paper") else "–",
    }


def _words(hours: float) -> str:
    return f"{hours:,.0f} h" if hours >= 10 else f"{hours:.2g} h"


def point_files(folder: Path) -> list[Path]:
    """The scale points of a folder; a module of a study that is none defines no `config`."""
    files = sorted(folder.glob("[!_]*.py"))
    return [file for file in files if "\nconfig" in file.read_text(encoding="utf-8")]


def rows() -> list[dict[str, str]]:
    folders = [ROOT / "experiments" / name / scale for name in STUDIES for scale in SCALES]
    return [row(folder) for folder in folders if point_files(folder)]
