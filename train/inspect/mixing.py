"""The weights of a mixture by how hard a small model finds each of its sources.

The new share of a source is its share times the model's bits per byte on its held-out text, over the sum of
these: sources of high loss are read more. Weights are shares of bytes, so bits per byte make them independent
of the tokenizer. With a second model what counts is the excess over its bits, at least 0: text that is hard
for any model is not read more (a one-step simplification of DoReMi, 2305.10429, which clips the excess per
token and updates the weights while a proxy trains).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quarry.checks import require
from quarry.train.data.mixture import parse_mixture

if TYPE_CHECKING:
    from quarry.train.record.run_directory import RunDirectory

MIXTURE = "mix:"


@dataclass(frozen=True)
class Part:
    """A source: its share of the bytes, the bits per byte that count, and the share that these give."""

    corpus: str
    share: float
    bits: float
    new_share: float


def mixture_by_loss(run: "RunDirectory", less: "RunDirectory | None" = None) -> list[Part]:
    """The parts of the mixture that `run` was trained on, with new shares; `less` is the second model's run.

    Raises ConfigError if a run was trained on no mixture or has not scored each source of that one by
    evaluation.also, or if fewer than two sources would be left.
    """
    corpus = run.read_run().get("data", {}).get("corpus", "nothing")
    require(corpus.startswith(MIXTURE), f"{run} was trained on {corpus}, no mixture")
    parts = parse_mixture(corpus.removeprefix(MIXTURE))
    bits = {name: _bits(run, name) - (_bits(less, name) if less else 0.0) for name, _ in parts}
    products = [weight * max(0.0, bits[name]) for name, weight in parts]
    total, whole = sum(products), sum(weight for _, weight in parts)
    require(
        sum(product > 0 for product in products) > 1,
        f"fewer than two sources of {corpus} have more bits per byte in {run} than in {less}: no mixture",
    )
    return [
        Part(name, weight / whole, bits[name], product / total)
        for (name, weight), product in zip(parts, products, strict=True)
    ]


def mixture_name(parts: list[Part]) -> str:
    """The mixture with the new shares, to four digits, as `data.corpus` names it; no source of share 0."""
    shares = {part.corpus: round(part.new_share, 4) for part in parts}
    return MIXTURE + "+".join(f"{name}={share:.4f}" for name, share in shares.items() if share)


def _bits(run: "RunDirectory", corpus: str) -> float:
    """Bits per byte of a corpus in the last evaluation of a run."""
    record: dict[str, Any] = run.read_run()
    also = record.get("config", {}).get("evaluation", {}).get("also", [])
    names = [name for name, scored in also if scored == corpus]
    rows = [row for row in run.rows(run.evals) if row["split"] == "validation"]
    require(
        bool(names) and bool(rows),
        f"{run} has scored no held-out text of {corpus}: train it with evaluation.also = (NAME, {corpus})",
    )
    return rows[-1][f"bits_per_byte_on_{names[0]}"]
