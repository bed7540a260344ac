"""The sentences of docs/results.md whose numbers come from its tables."""

from collections.abc import Sequence

import polars as pl
from results_costs import PRODUCTS, SHARES, THROUGHPUT
from results_rows import RESULTS, ROOT
from results_studies import SIZES

from quarry import fit

CLAIMS = RESULTS / "claims"
TRIALS = ("porian/trials.parquet", "porian/small-batch.parquet", "chinchilla_isoflop/points.parquet")
RATES = {"small-batch": "small-batch", "large-batch": "ladder"}
"""The batches of the trials, and what each is called at the ladder's own rate."""


def rows() -> list[dict[str, str]]:
    """The words between the markers of each paragraph."""
    made = {"protocol": protocol(), "own": own(), "trials": trials(), "throughput": throughput()}
    return [{"marker": marker, "words": words} for marker, words in made.items()]


def protocol() -> str:
    """How far L(N, D) by Kaplan's protocol lies from the paper's, and from its own largest size."""
    claims = pl.read_csv(ROOT / CLAIMS / "claims.csv")
    both = claims.filter(pl.col("claim").str.contains(r"^L\(N, D\).*Kaplan's protocol"))
    factor = max(float(ours.split()[0]) / float(theirs) for ours, theirs in both["ours", "published"].rows())
    missed = pl.read_csv(ROOT / CLAIMS / "predictions.csv").filter(text="speeches, Kaplan's protocol")
    return (
        f"Both exponents of L(N, D) by `kaplan_nd` are within a factor of {factor:.1f} of the paper's, where "
        "two was expected before the run; what its smaller sizes say of the largest misses by "
        f"{missed['largest error'].item()} at worst, where 5% was expected."
    )


OWN = {
    "speeches, four passes": "alpha_N after four passes",
    "up to 32 passes": "alpha_D",
    "L ~ C^-alpha": "the exponent of C",
    "L ~ C_min^-alpha": "that of C_min",
}
"""What names the rows of the studies of one law, and what their exponents are called."""


def own() -> str:
    """How far the exponents of the studies of one law lie from the paper's, and what was expected of them."""
    claims = pl.read_csv(ROOT / CLAIMS / "claims.csv")
    factors = [f"{name} is {_factor(claims, words):.1f} times theirs" for words, name in OWN.items()]
    rising = ", ".join(f"{value:.3f}" for value in by_length())
    held = pl.read_csv(ROOT / CLAIMS / "predictions.csv")
    texts = ("four passes", "eight D", "four schedules")
    size, data, cosines = (held.filter(text=f"speeches, {text}")["largest error"].item() for text in texts)
    grows = float(_row(claims, "N_opt ~ C_min^a")["ours"].split()[0])
    return (
        f"By the studies of one law {'; '.join(factors)}; a factor of two was expected of each. alpha_N is "
        f"above the paper's at every length of the runs and moves away from it, {rising} after a quarter, a "
        "half, one, two and four passes, where it was expected to grow towards it. What the smaller ones say "
        f"misses the largest size by {size}, the largest D by {data} and 222 thousand parameters under four "
        f"cosines by {cosines} at worst, where 5% was expected. N_opt was expected to take more of a growing "
        f"C_min than the steps: it goes as C_min^{grows:.2f}, and E as "
        f"C_min^{1 - grows:.2f}."
    )


def _row(claims: pl.DataFrame, words: str) -> dict[str, str]:
    """The last claim that has these words."""
    return claims.filter(pl.col("claim").str.contains(words, literal=True)).row(-1, named=True)


def _factor(claims: pl.DataFrame, words: str) -> float:
    row = _row(claims, words)
    return float(row["ours"].split()[0]) / float(row["published"])


def by_length() -> list[float]:
    """alpha_N of `kaplan_n` at each length of its runs, the shortest first."""
    table = SIZES.points().table
    lengths = table["E"].unique().sort()
    return [
        fit(table.filter(pl.col("E") == each), "kaplan-n", bootstrap=0).params["alpha_N"] for each in lengths
    ]


def annealed(path: str) -> pl.DataFrame:
    """The annealed validation loss of each size, trial and length of a table."""
    name = pl.coalesce("trunk", "point")
    found = pl.read_parquet(ROOT / RESULTS / path).filter(pl.col("annealed"), split="validation").sort("step")
    found = found.with_columns(size=name.str.extract("^([^-]+)"), trial=name.str.extract("-(.*)$"))
    return found.group_by("size", pl.col("trial").fill_null("ladder"), "tokens").agg(pl.col("loss").last())


def trials() -> str:
    """Where the best rate of each size and length lies, and what another beta2 costs."""
    ends = pl.concat(map(annealed, TRIALS)).pivot("trial", index=["size", "tokens"], values="loss")
    small, large = (best_rates(ends, batch, same) for batch, same in RATES.items())
    costs = [cost(ends, beta2) for beta2 in ("beta95", "beta999")]
    means = " and ".join(f"{each.mean():.1f}%" for each in costs)
    ranges = ", ".join(f"{each.min():+.1f}% to {each.max():+.1f}%" for each in costs)
    sizes, at_end = ends.drop_nulls("small-batch-half")["size"].n_unique(), sum(small[1:] + large[1:])
    return (
        f"Of {sum(small)} lengths of {sizes} sizes, the batch of 256 has its least loss at that rate in "
        f"{small[0]}, at half of it in {small[1]} and at twice it in {small[2]}; the batch of 1,024 in "
        f"{large[0]}, {large[1]} and {large[2]}. It was expected that the best rate is within a factor of "
        f"two of the ladder's, which the grid cannot say of the {at_end} of {sum(small + large)} where its "
        f"end is best. A beta2 of 0.95 or 0.999 in place of 0.99 costs the small batch {means} of the loss "
        f"in the mean ({ranges}; runs that differ by rounding alone part by up to 0.9%, see the log). "
        f"Choosing among all of it moves the exponent from {' to '.join(_exponents())}."
    )


def best_rates(ends: pl.DataFrame, batch: str, same: str) -> list[int]:
    """How many sizes and lengths have their least loss at the ladder's rate, at half of it, at twice it."""
    rates = (f"{batch}-half", same, f"{batch}-twice")
    best = ends.drop_nulls(rates).select(pl.concat_list(rates).list.arg_min()).to_series().to_list()
    return [best.count(place) for place in (1, 0, 2)]


def cost(ends: pl.DataFrame, beta2: str) -> pl.Series:
    """By how many percent another beta2 is worse at the small batch, for each size and length."""
    return (100 * (ends[f"small-batch-{beta2}"] / ends["small-batch"] - 1)).drop_nulls()


def _exponents() -> Sequence[str]:
    """Of the better of both batches, and of the best of all trials."""
    steps = pl.read_csv(ROOT / CLAIMS / "porian.csv")
    chosen = steps.filter(pl.col("step").str.contains("both batches"))
    return [value.split()[0] for value in chosen["a"]]


def throughput() -> str:
    """What the hours of the table of costs are reckoned with, beside what was measured."""
    measured = pl.read_csv(ROOT / THROUGHPUT).drop_nulls("share_of_product")
    parts, shares = (measured[name] for name in ("part", "share_of_product"))
    share = {part: f"{value:.1%}" for part, value in zip(parts, shares, strict=True)}
    small, middle, large = (f"{each:.0%}" for each in SHARES.values())
    return (
        f"Hours are of one H200 by its measured throughput (bf16, context 2,048, `{THROUGHPUT}`): {small} of "
        f"the {PRODUCTS / 1e12:.0f} TFLOP/s of one large product below 200 million parameters (measured "
        f"{share['124M']} at 124 million), {middle} from there ({share['350M']} at 350 million), {large} "
        f"from a billion ({share['1.3B']} at 1.3 billion)."
    )
