"""Small symmetric systems, one for each lane, solved by a Cholesky factorisation written out.

Matrices are lists of rows and every entry is an array over lanes, of NumPy or of JAX, so that each of the few
operations of a small factorisation runs over all lanes. JAX's batched linear solve takes ten times as long.
"""

from typing import Any

# A pivot that rounding makes zero or negative counts as this: its root still divides.
_SMALLEST_PIVOT = 1e-30


def solve_damped(hessian: list[list[Any]], gradient: list[Any], free: list[Any], damping: Any) -> list[Any]:
    """Solve (H + damping diag H) x = g over the free parameters; x is 0 for the others.

    H is given by its lower triangle. `free` has a Boolean array over lanes for each parameter.
    """
    size, xp = range(len(gradient)), damping.__array_namespace__()
    lower = _factor(hessian, free, damping)
    forward: list[Any] = []
    for i in size:
        own = xp.where(free[i], gradient[i], 0.0)
        forward.append((own - _dot(lower[i][:i], forward)) / lower[i][i])
    return _back_substitute(lower, forward)


def inverse_diagonal(matrix: list[list[Any]], free: list[Any], damping: Any) -> list[Any]:
    """The diagonal of the inverse of M + damping diag M over the free parameters; 0 for the others.

    M is given by its lower triangle. Factored once: a solution for each column took most of the time in which
    JAX traces a fit of eight parameters.
    """
    xp, lower = damping.__array_namespace__(), _factor(matrix, free, damping)
    diagonal = []
    for j in range(len(matrix)):
        column = [1.0 / lower[j][j]]  # of the factor's inverse, from its diagonal down
        for i in range(j + 1, len(matrix)):
            column.append(-_dot(lower[i][j:i], column) / lower[i][i])
        diagonal.append(xp.where(free[j], _dot(column, column), 0.0))
    return diagonal


def _factor(hessian: list[list[Any]], free: list[Any], damping: Any) -> list[list[Any]]:
    """The rows of the lower Cholesky factor of H + damping diag H; those of parameters not free are 0."""
    size, xp = range(len(hessian)), damping.__array_namespace__()
    h = [[xp.where(free[i] & free[j], hessian[i][j], 0.0) for j in range(i + 1)] for i in size]
    lower: list[list[Any]] = [[] for _ in size]
    for i in size:
        for j in range(i):
            lower[i].append((h[i][j] - _dot(lower[i][:j], lower[j][:j])) / lower[j][j])
        pivot = h[i][i] * (1.0 + damping) - _dot(lower[i], lower[i])
        lower[i].append(xp.sqrt(xp.maximum(pivot, _SMALLEST_PIVOT)))
    return lower


def _back_substitute(lower: list[list[Any]], forward: list[Any]) -> list[Any]:
    size = len(forward)
    solution: dict[int, Any] = {}
    for i in reversed(range(size)):
        later = range(i + 1, size)
        solved = _dot([lower[k][i] for k in later], [solution[k] for k in later])
        solution[i] = (forward[i] - solved) / lower[i][i]
    return [solution[i] for i in range(size)]


def _dot(left: list[Any], right: list[Any]) -> Any:
    return sum((a * b for a, b in zip(left, right, strict=True)), start=0.0)
