"""Regression on N random features of a power-law spectrum, in one pass and many: what Lin et al. 2025 solve.

x is normal with eigenvalues lambda_i = i^-a; the target is theta x + noise, lambda_i theta_i^2 = i^-b; the
model sees phi = S x, N rows of a random normal S, and is linear in phi. Its loss is L_inf plus half its
squared error against theta x (the noise of held-out targets is in L_inf). The best such model leaves an
approximation error of about N^(1-b); what it cannot express is noise to it.

Three ways to learn from U samples:
- `one_pass`: SGD at a constant rate, one fresh sample a step. For normal phi the second moments of its error
  close (E[phi phi' A phi phi'] = 2 Lambda A Lambda + tr(A Lambda) Lambda), so the expected loss is an exact
  recursion.
- `descent`: gradient descent on the U samples, kU steps at the rate of SGD: closed in the eigenbasis of their
  covariance. Lin et al. show multi-pass SGD to be this plus fluctuations, small if the rate is. A pass of
  fewer is descent on the samples seen so far.
- `sgd`: the process itself, a fresh permutation each pass, simulated.

What follows (Lin et al. 2025, arXiv 2506.08415, abstract; a > b > 1): error N^(1-b) + t^((1-b)/a) after t <=
U^(a/b) steps and U^((1-b)/a) after one pass: t = kU is as good as fresh data until k_opt, which goes as
U^(a/b - 1), and so does r_inf. Then the variance min(N, t^(1/a)) / U takes over and loss rises with k, unless
N < U^(1/b) keeps it small. k_opt does not depend on N beyond that: b = q = 0. For b >= a one pass is enough,
at a rate that falls with U (Pillaud-Vivien et al. 2018, 1805.10074: the line is r = (a - 1) / 2a in their
smoothness of the target, here r = (b - 1) / 2a).
"""

import math
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from quarry.errors import FitError


@dataclass(frozen=True)
class Features:
    """The constants of the problem; `dimension` is that of x, `most` the largest N. Raises FitError."""

    a: float = 2.0
    b: float = 1.5
    dimension: int = 1000
    most: int = 256
    rate: float = 0.1
    noise: float = 0.5
    L_inf: float = 1.0
    rates: tuple[float, ...] = ()
    """For `descent`: if given, each run has the best of those that are stable on its samples, not `rate`."""

    def __post_init__(self) -> None:
        if not (self.a > 1 and self.b > 1):
            raise FitError(f"a={self.a} and b={self.b} must exceed 1, for a finite variance")
        if not 0 < self.most <= self.dimension:
            raise FitError(f"most={self.most} must lie between 1 and dimension={self.dimension}")
        if min((self.rate, *self.rates)) <= 0 or self.noise < 0:
            raise FitError(
                f"rate={self.rate} and {self.rates=} must be positive, noise={self.noise} not negative"
            )

    def loss(self, n: float, unique: float, epochs: float, seed: int = 0) -> float:
        """Held-out loss of N = `n` features by gradient descent for `epochs` passes over `unique` samples.

        `seed` draws target, features and samples: the first N of the same features for any N, and the first U
        of the same samples for any U.
        """
        return float(self.descent(n, unique, np.array([epochs]), seed)[0])

    def descent(self, n: float, unique: float, epochs: np.ndarray, seed: int = 0) -> np.ndarray:
        """The losses of `loss` after each of `epochs` passes [epochs]."""
        task = _task(self, round(n), seed)
        return np.array(
            [self._descended(task, unique * min(k, 1.0), max(k, 1.0), seed) for k in map(float, epochs)]
        )

    def _descended(self, task: "_Task", unique: float, epochs: float, seed: int) -> float:
        values, vectors, target = _fit(self, len(task.best), max(round(unique), 1), seed)
        steps, losses = epochs * round(unique), []
        for rate in self.rates or (self.rate,):
            if self.rates and rate * values.max() >= 1:
                continue
            done = -np.expm1(steps * np.log1p(-rate * values))
            ratio = np.divide(done, values, out=steps * rate + 0 * values, where=values > 1e-14)
            losses.append(self._loss_of(task, vectors @ (ratio * target)))
        return min(losses, default=math.nan)

    def floor(self, unique: float, seed: int = 0) -> float:
        """L*(U): the loss of the posterior mean given the first `unique` samples, all features and the prior.

        The prior of the target's coordinates in whitened x is normal with variances i^-b. Its mean is linear
        in the targets: on average over signs no linear learner of any size is better.
        """
        return _floor(self, round(unique), seed)

    def expected_floor(self, unique: float, seed: int = 0) -> float:
        """`floor` on average over the targets of the prior, for the same x."""
        inverse, _ = self._posterior(round(unique), seed)
        return float(self.L_inf + np.trace(np.linalg.inv(inverse)) / 2)

    def _posterior(self, unique: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Inverse covariance of the target's coordinates given the samples, and x'y over the noise."""
        x, y = (samples[:unique] for samples in _inputs(self, _at_least(unique), seed))
        prior = np.diag(np.arange(1.0, self.dimension + 1) ** self.b)
        return x.T @ x / self.noise**2 + prior, x.T @ y / self.noise**2

    def _loss_of(self, task: "_Task", weights: np.ndarray) -> float:
        miss = weights - task.best
        return float(self.L_inf + (task.left + miss @ task.covariance @ miss) / 2)

    def one_pass(self, n: float, unique: int, seed: int = 0) -> np.ndarray:
        """The expected loss of SGD on fresh samples after 1 .. `unique` steps [unique]; exact."""
        task = _task(self, round(n), seed)
        values, vectors = np.linalg.eigh(task.covariance)
        start = (vectors.T @ task.best) ** 2
        with jax.enable_x64(True):
            excess = _moments(
                jnp.asarray(values), jnp.asarray(start), self.rate, task.left + self.noise**2, unique
            )
        return self.L_inf + (task.left + np.asarray(excess)) / 2

    def sgd(self, n: float, unique: int, epochs: int, seed: int = 0, repeats: int = 1) -> np.ndarray:
        """The loss of SGD after each pass, in a new order each [repeats, epochs].

        The first repeat has the first U samples, the next one the next.
        """
        task = _task(self, round(n), seed)
        phi, y = self._data(len(task.best), unique * repeats, seed)
        rng = np.random.default_rng((seed, 4))
        order = rng.permuted(np.tile(np.arange(unique), (repeats, epochs, 1)), axis=-1)
        with jax.enable_x64(True):
            inputs = jnp.asarray(phi.reshape(repeats, unique, -1)), jnp.asarray(y.reshape(repeats, unique))
            weights = np.asarray(_trained(*inputs, jnp.asarray(order), self.rate))
        return np.array([[self._loss_of(task, w) for w in passes] for passes in weights])

    def _data(self, n: int, unique: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The first `unique` samples: N features and targets [U, N], [U]."""
        phi, y = _samples(self, _at_least(unique), seed)
        return phi[:unique, :n] * np.sqrt(self.most / n), y[:unique]


@dataclass(frozen=True)
class _Task:
    """The regression on N features: covariance of phi [N, N], best weights [N], their squared error."""

    covariance: np.ndarray
    best: np.ndarray
    left: float


@lru_cache(maxsize=4)
def _drawn(model: Features, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Target theta sqrt(lambda) and features S sqrt(lambda), of whitened x [dimension], [most, dimension]."""
    rng = np.random.default_rng((seed, 1))
    index = np.arange(1, model.dimension + 1)
    target = rng.choice([-1.0, 1.0], model.dimension) * index ** (-model.b / 2)
    sketch = rng.standard_normal((model.most, model.dimension)) * index ** (-model.a / 2)
    return target, sketch / np.sqrt(model.most)


@lru_cache(maxsize=32)
def _task(model: Features, n: int, seed: int) -> _Task:
    if not 1 <= n <= model.most:
        raise FitError(f"n={n} must lie between 1 and most={model.most}")
    target, sketch = _drawn(model, seed)
    sketch = sketch[:n] * np.sqrt(model.most / n)
    covariance = sketch @ sketch.T
    best = np.linalg.solve(covariance, sketch @ target)
    return _Task(covariance, best, float(np.sum((target - best @ sketch) ** 2)))


def _at_least(unique: int) -> int:
    """The samples drawn at once: a power of two, for few calls."""
    return 2 ** int(np.ceil(np.log2(max(unique, 4096))))


@lru_cache(maxsize=8)
def _samples(model: Features, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All features of `most` samples, scaled for N = `most`, and targets."""
    x, y = _inputs(model, most, seed)
    return x @ _drawn(model, seed)[1].T, y


@lru_cache(maxsize=8)
def _inputs(model: Features, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`most` whitened x [most, dimension] and their targets [most]."""
    x = np.random.default_rng((seed, 2)).standard_normal((most, model.dimension))
    noise = np.random.default_rng((seed, 3)).standard_normal(most)
    return x, x @ _drawn(model, seed)[0] + model.noise * noise


@lru_cache(maxsize=16)
def _fit(model: Features, n: int, unique: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues, eigenvectors and rotated phi'y / U of the first `unique` samples."""
    phi, y = model._data(n, unique, seed)
    values, vectors = np.linalg.eigh(phi.T @ phi / unique)
    return np.maximum(values, 0.0), vectors, vectors.T @ (phi.T @ y) / unique


@lru_cache(maxsize=128)  # all N and k of a ladder have the same
def _floor(model: Features, unique: int, seed: int) -> float:
    inverse, explained = model._posterior(unique, seed)
    mean = np.linalg.solve(inverse, explained)
    return float(model.L_inf + np.sum((mean - _drawn(model, seed)[0]) ** 2) / 2)


@partial(jax.jit, static_argnames="steps")
def _moments(values, start, rate, noise, steps: int):
    """sum lambda_i E[error_i^2] after each step of SGD on normal inputs [steps]."""

    def step(error, _):
        excess = values @ error
        error = (1 - 2 * rate * values + 2 * (rate * values) ** 2) * error + rate**2 * values * (
            excess + noise
        )
        return error, values @ error

    return jax.lax.scan(step, start, None, length=steps)[1]


@jax.jit
@partial(jax.vmap, in_axes=(0, 0, 0, None))
def _trained(phi, y, order, rate):
    """Weights at the end of each pass of SGD in the orders given [epochs, N]."""

    def step(weights, i):
        return weights + rate * (y[i] - phi[i] @ weights) * phi[i], None

    def one_pass(weights, samples):
        weights = jax.lax.scan(step, weights, samples)[0]
        return weights, weights

    return jax.lax.scan(one_pass, jnp.zeros(phi.shape[1], phi.dtype), order)[1]
