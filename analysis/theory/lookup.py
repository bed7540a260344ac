"""Linear regression on Zipf-distributed tokens, many passes in closed form: what Yan et al. 2025 solve.

A sample is one of the features i = 1, 2, ..., with probability p_i ~ i^-(a-b); its input is mu_i e_i with
mu_i^2 = i^-b, so that the covariance has eigenvalues p_i mu_i^2 ~ i^-a; its target is mu_i, plus `noise`
(standard deviation) times a normal number that repeats with the sample. SGD from zero at a constant rate, one
sample a step. One visit multiplies a feature's error by 1 - rate mu_i^2, so that K passes over U samples
leave (1 - rate mu_i^2)^(K n_i) of it, with n_i the visits of a pass, binomial. A model of size N has the
features 1..N.

What follows (Yan et al. 2025, arXiv 2511.13421, read in a secondary source; derived anew here):
- A feature is learnt once K U i^-a > 1 / rate, and seen at all if U i^-(a-b) > 1. The first binds until K =
  U^(b/(a-b)): up to there a pass is worth fresh data, E_r = K; beyond, E_r stays at about U^(b/(a-b)).
- With d equal features (a = b = 0) and noise the problem is strongly convex. At the best rate one pass over T
  leaves noise^2 d ln(T) / (4 T), endless passes noise^2 d / U: E_r ends at about ln(U) / 4, and E_r = K is an
  approximation for K small beside ln(U).
- N enters as sum over i > N of p_i mu_i^2. E_r does not depend on it once N exceeds the number of features
  seen, about U^(1/(a-b)); a smaller N has learnt all of its features after fewer passes, and its E_r ends
  lower.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from quarry.errors import FitError


@dataclass(frozen=True)
class Lookup:
    """The constants of the problem; `features` is their number. Raises FitError."""

    a: float = 2.5
    b: float = 1.0
    features: int = 100_000
    rate: float = 0.5
    noise: float = 0.0
    L_inf: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise FitError(f"rate={self.rate} must lie in (0, 1]: mu_1 = 1")
        if self.noise < 0 or self.features < 1 or not self.a >= self.b >= 0:
            raise FitError(f"{self}: a >= b >= 0, noise >= 0 and features >= 1 are needed")

    @property
    def probability(self) -> np.ndarray:
        """p_i [features]."""
        return _spectrum(self.features, self.a - self.b, True)

    @property
    def size(self) -> np.ndarray:
        """mu_i^2 [features]."""
        return _spectrum(self.features, self.b, False)

    def loss(self, n: float, unique: float, epochs: float, seed: int = 0) -> float:
        """Expected held-out loss of N = `n` after `epochs` passes over `unique` samples: exact, any seed.

        The passes go through the samples in one order; fewer than one are a pass over that share.
        """
        del seed
        held = min(round(n), self.features)
        unique, epochs = unique * min(epochs, 1.0), max(epochs, 1.0)
        p, size = self.probability, self.size
        left = self._bias(p[:held], size[:held], unique, epochs)
        left += self._variance(p[:held], size[:held], unique, epochs)
        return float(self.L_inf + left.sum() + np.sum((p * size)[held:]))

    def _bias(self, p: np.ndarray, size: np.ndarray, unique: float, epochs: float) -> np.ndarray:
        """p mu^2 E[(1 - rate mu^2)^(2 K n)], n ~ Binomial(U, p) [features]."""
        kept = np.abs(1 - self.rate * size) ** (2 * epochs)
        return p * size * np.exp(unique * np.log1p(-p * (1 - kept)))

    def _variance(self, p: np.ndarray, size: np.ndarray, unique: float, epochs: float) -> np.ndarray:
        """p mu^2 E[squared error from the noise] over the visits n [features]; a pass keeps the share rho."""
        if not self.noise:
            return np.zeros_like(p)
        visits, chance = _visits(round(unique), p)
        step = self.rate * size[:, None]
        rho = (1 - step) ** visits
        passes = np.where(rho < 1, (1 - rho**epochs) / np.where(rho < 1, 1 - rho, 1.0), epochs)
        each = step * (1 - rho**2) / (2 - step) / size[:, None]
        return p * size * self.noise**2 * np.sum(chance * each * passes**2, axis=1)


@lru_cache(maxsize=16)
def _spectrum(features: int, exponent: float, normalised: bool) -> np.ndarray:
    values = np.arange(1, features + 1) ** -float(exponent)
    values = values / values.sum() if normalised else values
    values.setflags(write=False)
    return values


def _visits(unique: int, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Visits within 8 standard deviations of the mean, and their probability: both [features, numbers]."""
    mean = unique * p[:, None]
    half = int(np.ceil(8 * np.sqrt(mean.max()) + 12))
    visits = np.floor(mean) + np.arange(-half, half + 1)
    inside = (visits >= 0) & (visits <= unique)
    visits = np.where(inside, visits, 0.0)
    log_chance = (
        special.gammaln(unique + 1) - special.gammaln(visits + 1) - special.gammaln(unique - visits + 1)
    )
    log_chance += special.xlogy(visits, p[:, None]) + special.xlog1py(unique - visits, -p[:, None])
    return visits, np.where(inside, np.exp(log_chance), 0.0)


def equal_features(features: int, noise: float, rate: float) -> Lookup:
    """The strongly convex case: all `features` have the same probability and size."""
    return Lookup(a=0.0, b=0.0, features=features, noise=noise, rate=rate)
