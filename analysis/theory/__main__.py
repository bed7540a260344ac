"""Write the simulated points and print the predictions: `python -m analysis.theory FOLDER [MODEL ...]`."""

import sys
from pathlib import Path

from analysis.text import number
from analysis.theory.predicted import cells, exponents
from analysis.theory.simulated import FEATURES, LADDERS


def main(folder: str, *names: str) -> None:
    """Write `folder`/MODEL.parquet for each model (default: all), for `quarry fit`; print its exponents."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names or tuple(LADDERS):
        LADDERS[name].points().write_parquet(Path(folder) / f"{name}.parquet")
        if name == FEATURES.name:
            continue  # a reuse rate of random features needs more samples than fit in memory
        predicted = cells(LADDERS[name])
        found = ", ".join(f"{key} {number(value)}" for key, value in exponents(predicted).items())
        rise = predicted.filter(U=min(LADDERS[name].unique))["rise"].to_list()
        print(f"{name}: {found}; rise at the least U, by N: {', '.join(map(number, rise))}", flush=True)


if __name__ == "__main__":
    if not sys.argv[1:] or set(sys.argv[2:]) - set(LADDERS):
        print(f"usage: python -m analysis.theory FOLDER [{'|'.join(LADDERS)} ...]", file=sys.stderr)
        sys.exit(2)
    main(*sys.argv[1:])
