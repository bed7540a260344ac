"""muP at the paper's scale: rates of 40 million parameters, and 6.7 billion at the best of them, on C4.

Yang 2022 (2203.03466, section 7.4, as we recall it) tuned GPT-3's 32 layers and 32 heads at a width of 256 on
4 billion tokens, and trained a width of 4,096 on 300 billion. C4 stands for their text; the grid of rates is
our choice, and the wide model stands at its middle until the narrow ones have run.

Command: quarry sweep transfer/paper; what it costs is in docs/results.md.
"""

import dataclasses

from quarry.experiments._scales import at_paper, paper_model
from quarry.experiments.epochs import optimized
from quarry.experiments.transfer import middle, others
from quarry.train.config.experiment import Duration, Experiment, ScheduleConfig

LAYERS, HEADS, BASE_WIDTH, CONTEXT = 32, 32, 256, 2048
POWERS = range(-13, -4)


def point(d_model: int, tokens: int, power: int = middle(POWERS)) -> Experiment:
    """A width on so many tokens at the rate 2^power."""
    shape = {"head_dim": d_model // HEADS, "context": CONTEXT}
    mup = {"parametrization": "mup", "base_d_model": BASE_WIDTH, "base_n_layers": LAYERS}
    config = at_paper(paper_model(LAYERS, d_model, **shape, **mup), duration=Duration(tokens=tokens))
    tuned = optimized(config, learning_rate=2.0**power)
    return dataclasses.replace(tuned, schedule=ScheduleConfig(warmup=0.02, decay=0.2))


def variants(d_model: int, tokens: int) -> dict[str, Experiment]:
    """The same width at the other rates."""
    return others(lambda power: point(d_model, tokens, power), POWERS)
