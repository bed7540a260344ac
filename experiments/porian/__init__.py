"""Porian: from Kaplan's exponent to Chinchilla's, one change at a time.

Claim: N_opt ~ C^0.88 by Kaplan's protocol becomes C^0.50 once head FLOPs are counted, warm-up is short, and
rate, batch and beta2 are tuned for each size; a decay matched to each budget changes little (Porian 2024,
2406.19146).
Expected: the exponent falls with most steps, and most with those that help small budgets.
Command: quarry sweep porian, after quarry sweep chinchilla_isoflop

One file per size. Its `config` is Kaplan's protocol: one horizon for every size and budget, a cosine over it,
a long warm-up, and losses read off along the way. The variant `short` has a short warm-up and is else the
same. The runs with a decay matched to each budget are those of the study `chinchilla_isoflop`, and their
trunks, before they decay, those at a constant rate. The variant `small-batch` is that ladder at a quarter of
the batch; the `trials` are both batches at half and twice the rate, and the small one at other beta2.
Expected of the trials before they were run: each size's best rate is within a factor of two of the ladder's;
small budgets gain most, so that the exponent falls or stays. Counting head FLOPs is another reading of the
same runs. What came out: docs/results.md.
"""

import dataclasses
from dataclasses import dataclass

from quarry.experiments.chinchilla_isoflop import CPU, GPU, PAPER, Ladder, point
from quarry.train.config.experiment import BranchConfig, Duration, Experiment, ScheduleConfig


@dataclass(frozen=True)
class Protocol:
    """Kaplan's protocol at a scale, and the ladders that mend it."""

    matched: Ladder
    """The ladder with a decay for each budget."""
    small_batch: Ladder
    horizon: int
    """Tokens of every run under Kaplan's protocol."""
    long_warmup: int
    """Steps."""


RATES = {"half": 0.5, "twice": 2.0}
"""The rates of the trials, over that of the batch."""
BETA2 = {"beta95": 0.95, "beta999": 0.999}
"""Beside 0.99."""


def at_quarter(ladder: Ladder, budgets: int, longest: int) -> Ladder:
    """`ladder` at a quarter of the batch, to its first so many budgets.

    The rate is two thirds: by the root of the batch it would be a half, and the trials of the study `epochs`
    found 0.2 / d_model best at a batch of 256. Warm-up and shortest branch are the same in tokens.
    """
    scale = dataclasses.replace(
        ladder.scale,
        batch_tokens=ladder.scale.batch_tokens // 4,
        rate=ladder.scale.rate * 2 / 3,
        warmup_steps=4 * ladder.scale.warmup_steps,
        shortest_steps=4 * ladder.scale.shortest_steps,
    )
    return dataclasses.replace(ladder, scale=scale, budgets=ladder.budgets[:budgets], longest=longest)


AT_CPU = Protocol(CPU, at_quarter(CPU, 6, 2_200_000), horizon=3 * 2**20, long_warmup=512)
"""512 steps of warm-up are more than the best run of the smallest budget has."""
AT_GPU = Protocol(GPU, at_quarter(GPU, 9, GPU.longest), horizon=2**29, long_warmup=3000)
AT_PAPER = Protocol(PAPER, at_quarter(PAPER, 10, PAPER.longest), horizon=250_000 * 2**19, long_warmup=3000)
"""Kaplan's 2.5e5 steps of 2^19 tokens with 3,000 steps of warm-up (2001.08361, section 2.2)."""


def far(d_model: int, protocol: Protocol = AT_CPU, warmup_steps: int | None = None) -> Experiment:
    """One size under a cosine over the common horizon; a long warm-up unless other steps are given."""
    warmup = protocol.long_warmup if warmup_steps is None else warmup_steps
    return dataclasses.replace(
        point(d_model, protocol.matched),
        duration=Duration(tokens=protocol.horizon),
        branches=BranchConfig(),
        schedule=ScheduleConfig(kind="cosine", warmup_steps=warmup),
    )


def variants(d_model: int, protocol: Protocol = AT_CPU) -> dict[str, Experiment]:
    """The same size with a short warm-up; at a small batch, with a decay for each budget; and the trials."""
    return {
        "short": far(d_model, protocol, protocol.matched.scale.warmup_steps),
        "small-batch": point(d_model, protocol.small_batch),
        **trials(d_model, protocol),
    }


def trials(d_model: int, protocol: Protocol = AT_CPU) -> dict[str, Experiment]:
    """Half and twice the rate of each batch, and other beta2 at the small one, to the budgets of both."""
    small = protocol.small_batch
    large = dataclasses.replace(protocol.matched, budgets=small.budgets, longest=small.longest)
    rates = {
        f"{batch}-{name}": point(d_model, at_rate(ladder, factor))
        for batch, ladder in (("large-batch", large), ("small-batch", small))
        for name, factor in RATES.items()
    }
    return rates | {
        f"small-batch-{name}": at_beta2(point(d_model, small), value) for name, value in BETA2.items()
    }


def at_rate(ladder: Ladder, factor: float) -> Ladder:
    """`ladder` at so many times its rate."""
    return dataclasses.replace(
        ladder, scale=dataclasses.replace(ladder.scale, rate=factor * ladder.scale.rate)
    )


def at_beta2(config: Experiment, beta2: float) -> Experiment:
    """The same run with another beta2 of AdamW."""
    return dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, beta2=beta2))
