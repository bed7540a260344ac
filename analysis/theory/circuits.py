"""Multiplicative weights over a library of circuits: Schulman's sketch of why bigger models learn faster.

The world. A token calls for skill i with probability p_i = i^-(1+alpha) / sum. With no circuit at work the
model loses `gain` nats on it above L_inf; a right circuit at work saves all of them.

The library. A model of size N holds N circuits. `best`: one for each of the skills 1..N (and again from the
first skill on, once all have one). `drawn`: each circuit serves skill i with probability p_i, so that skill i
has about N p_i of them, and a larger library holds the smaller one's. A share `spurious` of a drawn library
is wrong: a wrong circuit at work costs `harm` beyond `gain`.

The evidence. A token of skill i gives a right circuit of the skill the evidence v, its speed: how visible it
is, 1 at most and rarely so, P(V > v) = (v^-tail - 1) / (slowest^-tail - 1) for slowest <= v <= 1. It gives a
wrong circuit, each wrong in its own way, normal evidence of mean -harm and standard deviation `noise`. With U
unique tokens skill i is met m_i times, about U p_i, and the sums of evidence S_ij over these are all that the
data hold: k passes bring the same sums k times. (k < 1 is one pass over kU tokens.)

The learner. "No circuit" has weight 1, circuit j the weight w_j exp(rate k S_ij), where the w_j of a skill's
circuits add up to exp(-doubt) (`prior="skill"`) or those of the whole library do (`prior="library"`), in
equal parts. A skill costs gain (1 - R + harm W), where R and W are the shares of its weight on right and on
wrong circuits.

What follows (derived here, checked in the tests; E = kU):
- A circuit is switched on when rate v k m = ln(1/w_j): after E = ln(1/w_j) / (rate v p_i) tokens.
- With equal speeds (slowest = 1) more circuits do not need fewer passes: in ln k_rho = a - b ln N + c ln U, b
  = 0 once the library holds the skills that U tokens show; where each has one circuit, whose prior is 1/N of
  the whole, k grows as doubt + ln N: b is slightly negative.
- With rare speeds the fastest of n circuits has v near slowest n^(1/tail). Of a skill met about once n is
  N/U, so k_rho and r_inf, which are the last skills', go as (U/N)^(1/tail) but for ln n: b = c = p = q =
  1/tail, from N = U until N/U reaches slowest^-tail. Beyond it every skill has circuits of speed 1, and r_inf
  stops at about doubt / rate, not at 1, unless one token is evidence enough.
- The floor is that of skills never met, gain sum p_i exp(-U p_i), about U^(-alpha / (1+alpha)); that of the
  library likewise in N.
- A wrong circuit wins a skill met m times, once k is large, with probability Phi(-(1 + harm) sqrt(m) /
  noise); the best of n wrong ones does while m < 2 ln(n) (noise / (1 + harm))^2. So loss rises with k after a
  while (overfitting that the passes bring, of skills met a few times), and the more so the larger N/U.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from scipy import special

from quarry.checks import check_choice, check_positive
from quarry.errors import FitError

Kind = Literal["best", "drawn"]
Prior = Literal["skill", "library"]


@dataclass(frozen=True)
class Circuits:
    """The constants of the model; the module says what each means. Raises FitError."""

    alpha: float = 0.5
    skills: int = 30_000
    library: str = "drawn"
    prior: str = "skill"
    doubt: float = 4.0
    rate: float = 1.0
    slowest: float = 1.0
    tail: float = 1.0
    noise: float = 0.0
    spurious: float = 0.0
    harm: float = 0.5
    gain: float = 2.0
    L_inf: float = 1.0

    def __post_init__(self) -> None:
        check_choice(FitError, "library", self.library, get_args(Kind))
        check_choice(FitError, "prior", self.prior, get_args(Prior))
        positive = [field.name for field in fields(self) if field.name not in _MAY_BE_ZERO]
        check_positive(FitError, **{name: getattr(self, name) for name in positive})
        if self.slowest > 1:
            raise FitError(f"slowest={self.slowest} must not exceed 1, the speed of the fastest circuit")
        if not 0 <= self.spurious < 1 or self.noise < 0 or self.harm < 0:
            raise FitError("noise and harm must not be negative, and spurious must lie in [0, 1)")
        if self.library == "best" and self.spurious > 0:
            raise FitError("spurious circuits are those of a drawn library; the best one has none")

    @property
    def usefulness(self) -> np.ndarray:
        """p_i, the probability that a token calls for skill i [skills]."""
        return _zipf(self.skills, 1 + self.alpha)

    def loss(self, n: float, unique: float, epochs: float, seed: int = 0) -> float:
        """Held-out loss of N = `n` circuits after `epochs` passes over `unique` tokens, nats per token.

        `seed` draws circuits and tokens: the first N of one sequence for any N, the first U for any U.
        """
        unique, epochs = unique * min(epochs, 1.0), max(epochs, 1.0)
        if self.library == "best" and n > self.skills:
            raise FitError(f"n={n} circuits, one a skill, need as many skills, not skills={self.skills}")
        library = _library(self, round(n), seed)
        evidence = self._evidence(library, self.met(unique, seed)[library.skills])
        right, wrong = _shares(library, self.rate * epochs * evidence + library.log_prior)
        saved = np.sum(self.usefulness[library.skills] * (right - self.harm * wrong))
        return float(self.L_inf + self.gain * (1 - saved))

    def met(self, unique: float, seed: int = 0) -> np.ndarray:
        """m_i, how often each skill is called for by the first `unique` tokens of one sequence [skills]."""
        tokens = _drawn(self.skills, self.alpha, _rounded_up(unique), (seed, 1))
        return np.bincount(tokens[: round(unique)], minlength=self.skills).astype(float)

    def library_floor(self, n: float) -> float:
        """The expected loss of N = `n` right circuits and endless tokens."""
        p = self.usefulness
        missing = np.arange(1, self.skills + 1) > n if self.library == "best" else np.exp(-n * p)
        return float(self.L_inf + self.gain * np.sum(p * missing))

    def data_floor(self, unique: float) -> float:
        """L*(U): the expected loss of an endless library of right circuits after endless passes.

        Of a skill never met circuits have the share that the prior gives them.
        """
        p = self.usefulness
        prior = np.exp(-self.doubt) * (p if self.prior == "library" else 1.0)
        return float(self.L_inf + self.gain * np.sum(p * np.exp(-unique * p) / (1 + prior)))

    def _evidence(self, library: "_Library", met: np.ndarray) -> np.ndarray:
        """S_ij of every circuit, of skills met so often [circuits]."""
        m = np.repeat(met, library.counts)
        mean = library.speed * m
        if not self.noise:
            return mean
        return mean + np.where(library.wrong, self.noise * np.sqrt(m) * library.chance, 0.0)


_MAY_BE_ZERO = ("library", "prior", "noise", "spurious", "harm", "L_inf")


@dataclass(frozen=True)
class _Library:
    """Circuits sorted by skill: skills that have any, and how many [held]; the rest [circuits]."""

    skills: np.ndarray
    counts: np.ndarray
    log_prior: np.ndarray
    speed: np.ndarray
    wrong: np.ndarray
    chance: np.ndarray


@lru_cache(maxsize=8)
def _zipf(skills: int, exponent: float) -> np.ndarray:
    p = np.arange(1, skills + 1) ** -float(exponent)
    p /= p.sum()
    p.setflags(write=False)
    return p


@lru_cache(maxsize=4)
def _drawn(skills: int, alpha: float, count: int, seed: tuple[int, int]) -> np.ndarray:
    """A sequence of skills, each drawn with probability p_i [count]."""
    upper = np.cumsum(_zipf(skills, 1 + alpha))
    drawn = np.searchsorted(upper, np.random.default_rng(seed).random(count) * upper[-1], side="right")
    return drawn.astype(np.int32)


def _rounded_up(count: float) -> int:
    """A power of two no smaller, so that one sequence serves many counts."""
    return 2 ** max(16, int(np.ceil(np.log2(max(count, 1)))))


@lru_cache(maxsize=16)
def _library(model: Circuits, n: int, seed: int) -> _Library:
    """The first `n` circuits of one sequence."""
    rng = np.random.default_rng((seed, 3))
    fast, kind, chance = rng.random((_rounded_up(n), 3))[:n].T
    skills = _drawn(model.skills, model.alpha, _rounded_up(n), (seed, 2))[:n]
    if model.library == "best":
        skills = np.arange(n)
    order = np.argsort(skills, kind="stable")
    held, counts = np.unique(skills, return_counts=True)
    wrong = kind[order] < model.spurious
    speed = np.where(wrong, -model.harm, speeds(fast[order], model.slowest, model.tail))
    share = counts if model.prior == "skill" else np.full(len(held), n)
    log_prior = np.repeat(-model.doubt - np.log(share), counts)
    return _Library(held, counts, log_prior, speed, wrong, special.ndtri(chance[order]))


def speeds(chance: np.ndarray, slowest: float, tail: float) -> np.ndarray:
    """The speed v of which P(V > v) is `chance`."""
    return (1 + chance * (slowest**-tail - 1)) ** (-1 / tail)


def _shares(library: _Library, log_weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shares of each skill's weight on right and on wrong circuits [held]."""
    if not len(log_weight):
        return np.zeros(0), np.zeros(0)
    starts = np.concatenate([[0], np.cumsum(library.counts)[:-1]])
    largest = np.maximum(np.maximum.reduceat(log_weight, starts), 0.0)  # 0 is that of no circuit
    weight = np.exp(log_weight - np.repeat(largest, library.counts))
    right = np.add.reduceat(np.where(library.wrong, 0.0, weight), starts)
    wrong = np.add.reduceat(np.where(library.wrong, weight, 0.0), starts)
    total = np.exp(-largest) + right + wrong
    return right / total, wrong / total


def saturation(model: Circuits) -> float:
    """r_inf of equal speeds, large doubt and a library without end: the same for every U.

    One pass over rU tokens leaves the skills of p < doubt / (rate r U); endless passes over U leave those
    never met, a share exp(-U p) of each. With x = alpha / (1 + alpha) the sums are equal at
    r = (doubt / rate) (1 / (x Gamma(x)))^(1/x).
    """
    exponent = model.alpha / (1 + model.alpha)
    return float(model.doubt / model.rate * (1 / (exponent * special.gamma(exponent))) ** (1 / exponent))
