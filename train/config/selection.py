"""The rules that choose what is read: `NAME[:BAND][?OPTION=VALUE,...]`, `curriculum:NAME[?...]` or
`upsample:NAME[?...]` before training, `online:NAME[?...]` at each step.

What each rule measures is in train/data/selection/ and train/run/choosing.py; the names and options are here,
where an experiment is validated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from quarry.checks import require

Band = Literal["low", "middle", "high"]
BANDS: tuple[Band, ...] = get_args(Band)

UNSCORED = ("random", "pieces")
"""Rules without a score: whole documents in their order, and pieces of documents in theirs."""
SCORED: dict[str, Band | None] = {
    "gzip": None,
    "loss": None,
    "score": None,
    "rho": "high",
    "progress": "high",
    "quality": "high",
}
"""Rules with a score of each piece, and the band that one without a band means; None: it must name one."""
FROM_FILE: dict[str, tuple[str, ...]] = {
    "loss": ("loss",),
    "score": ("score",),
    "rho": ("loss", "held_out"),
    "progress": ("early", "loss"),
}
"""Rules whose score comes from a file: the one column it is, or the two whose difference it is."""
ONLINE = "online:"
OnlineScore = Literal["rho", "loss"]
USAGES = (
    "random",
    "pieces",
    "gzip:BAND",
    "loss:BAND?scores=FILE",
    "rho?scores=FILE",
    "progress?scores=FILE",
    "score:BAND?scores=FILE",
    "quality?like=CORPUS",
    "curriculum:NAME[?...]",
    "upsample:NAME[?...]",
    "online:rho?reference=RUN",
    "online:loss",
)


@dataclass(frozen=True)
class Rule:
    """A rule: the score it reads and the band of it that it keeps. Raises ConfigError for a bad option."""

    name: str = "random"
    band: Band | None = None
    """None: the rule keeps every piece."""
    curriculum: bool = False
    """The first pass goes from the lowest score to the highest; nothing is left out."""
    keep: float = 1 / 3
    """The share of each group of pieces that a band is."""
    piece: int = 512
    """Tokens of a piece, about: longer documents are cut."""
    group: int = 96
    """Consecutive pieces of the shuffled pool that are ranked together."""
    scores: str = ""
    """The file of `quarry score`, or another table with the same pieces."""
    like: str = ""
    """quality: the corpus that good text resembles."""
    upsample: bool = field(default=False, repr=False)
    """Everything is kept, and the highest scores are read twice. (Not in `repr`, which names stores.)"""

    def __post_init__(self) -> None:
        name = f"data.selection = {self.name!r}"
        require(0 < self.keep < 1, f"{name}: keep = {self.keep} must lie between 0 and 1")
        require(self.piece >= 8, f"{name}: piece = {self.piece} must be at least 8 tokens")
        require(self.group >= 2, f"{name}: group = {self.group} must be at least 2 pieces")
        needs_file = self.name in FROM_FILE
        require(bool(self.scores) == needs_file, f"{name} {_wanted(needs_file, 'scores=FILE')}")
        needs_corpus = self.name == "quality"
        require(bool(self.like) == needs_corpus, f"{name} {_wanted(needs_corpus, 'like=CORPUS')}")


def _wanted(needed: bool, option: str) -> str:
    return f"needs ?{option}" if needed else f"takes no option {option}"


def read_rule(text: str) -> Rule:
    """The rule of that name. Raises ConfigError for an unknown rule, band or option, or a bad value."""
    head, _, options = text.partition("?")
    kind, _, rest = head.partition(":")
    curriculum, upsample = kind == "curriculum", kind == "upsample"
    whole = curriculum or upsample
    name, band = (rest, "") if whole else (kind, rest)
    known = name in SCORED or (name in UNSCORED and not whole)
    takes_band = name in SCORED and not whole
    good_band = band in BANDS or (not band and not (takes_band and SCORED[name] is None))
    require(
        known and good_band and (takes_band or not band),
        f"data.selection = {text!r} is no rule: use one of {', '.join(USAGES)}, "
        f"BAND one of {', '.join(BANDS)}",
    )
    kept = cast(Band, band) if band else SCORED.get(name)
    band_kept = "high" if upsample else kept if takes_band else None
    return Rule(name, band_kept, curriculum, upsample=upsample, **_options(text, options))


def _options(text: str, options: str) -> dict[str, Any]:
    """OPTION=VALUE,...; the value of `like` is all that follows, as names of corpora may hold commas."""
    options, has_like, like = options.partition("like=")
    kinds = {"keep": float, "piece": int, "group": int, "scores": str, "like": str}
    return read_options(text, options, kinds) | ({"like": like} if has_like else {})


def read_options(text: str, options: str, kinds: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """The `options` OPTION=VALUE,... of the rule `text`, by the kinds that it has. Raises ConfigError."""
    values: dict[str, Any] = {}
    for part in filter(None, options.split(",")):
        name, _, value = part.partition("=")
        require(
            name in kinds and name not in values and bool(value),
            f"data.selection = {text!r}: {part!r} is none of its options "
            f"{', '.join(f'{each}=' for each in kinds)}, each given once",
        )
        try:
            values[name] = kinds[name](value)
        except ValueError:
            require(False, f"data.selection = {text!r}: {name} = {value!r} is no number")
    return values


@dataclass(frozen=True)
class Online:
    """A rule that chooses while training. Raises ConfigError for a bad option.

    Each step draws several times as many sequences as it trains on, the candidates, in the order of batches,
    and trains on those of the highest score under the parameters it has: the loss less that of a reference
    trained on held-out text (RHO-LOSS, Mindermann et al. 2022, 2206.07137, algorithm 1), or the loss alone.
    U is read in pieces, as by the rule `pieces`.
    """

    score: OnlineScore
    reference: str = ""
    """rho: the directory of the finished run whose loss is subtracted."""
    candidates: int = 3
    """Sequences scored for each one trained on."""
    piece: int = Rule.piece
    """Tokens of a piece, about."""

    def __post_init__(self) -> None:
        name, given = f"data.selection = {ONLINE}{self.score}", bool(self.reference)
        require(given or self.score != "rho", f"{name} needs ?reference=RUN, the directory of a finished run")
        require(not given or self.score == "rho", f"{name} takes no option reference=RUN")
        number = self.candidates
        require(number >= 2, f"{name}: candidates = {number} must be at least 2 for each sequence trained on")


def read_online(text: str) -> Online | None:
    """The rule of that name, None if it is not one that chooses while training. Raises ConfigError."""
    if not text.startswith(ONLINE):
        return None
    score, _, options = text.removeprefix(ONLINE).partition("?")
    require(
        score in get_args(OnlineScore),
        f"data.selection = {text!r} is no rule: use one of online:rho?reference=RUN, online:loss",
    )
    kinds = {"reference": str, "candidates": int, "piece": int}
    return Online(cast(OnlineScore, score), **read_options(text, options, kinds))


def rule_before_training(text: str) -> str:
    """The rule that makes the token store: `text` itself, or for an online rule that of its pieces."""
    online = read_online(text)
    if online is None:
        return text
    return "pieces" if online.piece == Rule.piece else f"pieces?piece={online.piece}"
