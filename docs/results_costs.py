"""What the studies of docs/results.md cost: runs and FLOPs of every scale, from their config files."""

from pathlib import Path

from quarry.model.counting import count_parameters, flops_exact
from quarry.text import count, power
from quarry.train.config.branches import branch_configs, fork_step
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import load_point_file
from quarry.train.inspect.chips import CHIPS

ROOT = Path(__file__).resolve().parents[1]
STUDIES = ("chinchilla_isoflop", "porian")
H200 = 0.4 * CHIPS["h200"].flops
"""FLOP/s of one H200 at 40% of its bf16 peak: assumed, not measured."""


def flops(config: Experiment) -> float:
    """Exact FLOPs of a run: its own tokens and the cooldowns of its branches."""
    tokens = config.duration.tokens or 0
    for branch in branch_configs(config).values():
        tokens += branch.ramp.tokens(branch.steps(1)) - branch.ramp.tokens(fork_step(branch, 1))
    return float(flops_exact(config.model)) * tokens


def row(folder: Path) -> dict[str, str]:
    configs = [point.config for file in sorted(folder.glob("n*.py")) for point in load_point_file(file)]
    sizes = [count_parameters(config.model).nonembedding for config in configs]
    total = sum(map(flops, configs))
    accelerated = folder.name in ("gpu", "paper")
    return {
        "study": str(folder.relative_to(ROOT)),
        "runs": f"{sum(1 + len(branch_configs(config)) for config in configs)}",
        "N": f"{count(min(sizes))} to {count(max(sizes))}",
        "flops": power(total),
        "time": f"{total / H200 / 3600:,.1f} h" if accelerated else "–",
    }


def rows() -> list[dict[str, str]]:
    studies = [ROOT / "experiments" / name for name in STUDIES]
    return [row(study / scale) for study in studies for scale in ("", "gpu", "paper")]
