"""Seconds and memory of whole fits and of scipy: `python -m tests.benchmarks.fit` writes a dated table.

Each contender runs in its own process; imports and compilation count. All do the same work on the same 240
points: `chinchilla` from 4,500 starts, then 4,000 bootstrap draws from the best. scipy's L-BFGS-B minimises
the same objective, with numeric gradients as in a published notebook, and with analytic gradients. It does
one in `SHARE` of the starts and draws, and its seconds, without imports, are multiplied by `SHARE`. The last
row is the nine-parameter joint surface on 2,000 points with 1,000 draws, which has no contender here.
"""

import importlib
import resource
import subprocess
import sys
import time

import numpy as np
import polars as pl

from tests.benchmarks.tables import write_dated

TRUE = {"L_inf": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
STARTS, DRAWS, SHARE, DELTA = 4500, 4000, 20, 1e-3


def points() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log N, log E and log loss of 240 points of Besiroglu's law with 0.5% of noise."""
    n, tokens = np.meshgrid(np.geomspace(5e7, 1.6e10, 16), np.geomspace(5e8, 5e11, 15))
    n, tokens = np.log(n.ravel()), np.log(tokens.ravel())
    loss = TRUE["L_inf"] + TRUE["A"] * np.exp(-TRUE["alpha"] * n) + TRUE["B"] * np.exp(-TRUE["beta"] * tokens)
    return n, tokens, np.log(loss) + 0.005 * np.random.default_rng(0).standard_normal(len(loss))


def starts() -> np.ndarray:
    """Hoffmann's grid: log L_inf, log A, log B, alpha, beta."""
    exponents, scales = np.arange(0, 2.5, 0.5), np.arange(0, 30, 5.0)
    axes = np.meshgrid(np.arange(-1, 1.5, 0.5), scales, scales, exponents, exponents, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)


def weights() -> np.ndarray:
    return np.random.default_rng(1).multinomial(240, np.full(240, 1 / 240), DRAWS).astype(float)


def ours() -> float:
    """The best objective, by this project's solver."""
    from quarry.analysis.fitting.solver import solve
    from quarry.analysis.laws.chinchilla import CHINCHILLA

    n, tokens, log_loss = points()
    inputs, natural = {"N": np.exp(n), "E": np.exp(tokens)}, starts()
    natural[:, :3] = np.exp(natural[:, :3])
    found = solve(CHINCHILLA, natural, inputs, log_loss, np.ones(240))
    best = found.params[[found.objective.argmin()]]
    solve(CHINCHILLA, np.repeat(best, DRAWS, 0), inputs, log_loss, weights())
    return float(found.objective.min())


def scipys(gradient: bool) -> float:
    """The best objective, by scipy, on one in SHARE of the starts and draws."""
    from scipy.optimize import minimize

    n, tokens, log_loss = points()

    def objective(theta, weight):
        terms = np.stack([np.full(240, theta[0]), theta[1] - theta[3] * n, theta[2] - theta[4] * tokens])
        most = terms.max(axis=0)
        shares = np.exp(terms - most)
        residual = most + np.log(shares.sum(axis=0)) - log_loss
        inside = np.minimum(np.abs(residual), DELTA)
        value = np.sum(weight * inside * (np.abs(residual) - inside / 2))
        if not gradient:
            return value
        slope = weight * np.clip(residual, -DELTA, DELTA) * shares / shares.sum(axis=0)
        return value, np.array([*slope.sum(axis=1), -slope[1] @ n, -slope[2] @ tokens])

    options = {
        "jac": gradient,
        "method": "L-BFGS-B",
        "options": {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-10},
    }
    found = [minimize(objective, start, args=np.ones(240), **options) for start in starts()[::SHARE]]
    best = min(found, key=lambda result: result.fun)
    for weight in weights()[::SHARE]:
        minimize(objective, best.x, args=weight, **options)
    return float(best.fun)


def surface() -> float:
    """The objective of the nine-parameter surface on 2,000 points of 500 runs, with 1,000 draws."""
    from quarry.analysis.fitting.estimation import fit
    from quarry.analysis.laws.repeated_data import epochs

    law, rng = epochs(("coupling", "reuse"), 1e7, 1e9), np.random.default_rng(0)
    true = TRUE | {"kappa": 0.8, "R_0": 15.0, "p": 0.1, "q": 0.2}
    n, unique = (
        np.exp(rng.uniform(np.log(1e6), np.log(1e9), 500)),
        np.exp(rng.uniform(np.log(1e8), np.log(1e10), 500)),
    )
    inputs = {"N": np.repeat(n, 4), "U": np.repeat(unique, 4)}
    inputs["E"] = inputs["U"] * np.tile([0.5, 1.0, 4.0, 16.0], 500)
    noise = 0.003 * np.repeat(rng.standard_normal(500), 4) + 0.001 * rng.standard_normal(2000)
    table = pl.DataFrame({**inputs, "loss": law.predict(true, inputs) * np.exp(noise)})
    runs = pl.Series([f"run {i // 4}" for i in range(2000)])
    return fit(table.with_columns(run=runs), law, bootstrap=1000).objective


CONTENDERS = {
    "quarry": (ours, 1),
    "scipy, numeric gradient": (lambda: scipys(False), SHARE),
    "scipy, analytic gradient": (lambda: scipys(True), SHARE),
    "quarry, epochs on 2,000 points": (surface, 1),
}


def child(name: str, began: float) -> None:
    """Run one contender; print seconds since `began`, MiB at the most, and the objective reached."""
    run, share = CONTENDERS[name]
    if share > 1:
        importlib.import_module("scipy.optimize")
    ready = time.time()
    objective = run()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(ready - began + (time.time() - ready) * share, used, objective)


def measure(name: str) -> dict[str, object]:
    words = [sys.executable, "-m", "tests.benchmarks.fit", name, str(time.time())]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    seconds, mebibytes, objective = map(float, done.stdout.split())
    row = {"fit": name, "seconds": round(seconds, 2), "MiB": round(mebibytes), "objective": objective}
    print(row, flush=True)
    return row


def main() -> None:
    write_dated("fit", map(measure, CONTENDERS))


if __name__ == "__main__":
    child(sys.argv[1], float(sys.argv[2])) if len(sys.argv) > 1 else main()
