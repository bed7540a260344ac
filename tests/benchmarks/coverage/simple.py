"""The contender `simple-scaling-laws`, a package fitted in a process of its own Python."""

import json
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from quarry.analysis.fitting.result import Fit
from tests.benchmarks.coverage.contenders import LEVELS, Intervals
from tests.benchmarks.coverage.splits import Split

NAME = "simple-scaling-laws"
ENVIRONMENT = f"`make {NAME}` installs it, and `--simple .cache/{NAME}/bin/python` adds its row"

# Its analogue of each law; the law it starts with for the others.
_LAWS = {"skaling": "skaling-joint-power", "broken-power": "broken-power"}
_LAW = "separable-power"

_SCRIPT = Path(__file__).with_name("simple_contender.py")


class Simple:
    """One process for all splits; counts the splits `refused` and those fitted with a note of an error.

    `python` is the interpreter of an environment with the package, which chooses the number of `draws` unless
    told. Raises RuntimeError where the process ends early, as without the package.
    """

    def __init__(self, python: Path, script: Path = _SCRIPT, draws: int | None = None):
        self.draws = draws
        self.splits = 0
        self.refused: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._process = subprocess.Popen(
            [str(python), "-P", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._read()["version"]

    def __enter__(self) -> "Simple":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def __call__(self, fit: Fit, split: Split) -> Intervals:
        """Its interval of a new run at each level; open where it refuses the split."""
        inputs = list(fit.law.inputs)
        found = self._ask(
            law=_LAWS.get(fit.law.name, _LAW),
            below=split.below.select(*inputs, "loss").to_dict(as_series=False),
            beyond=split.beyond.select(inputs).to_dict(as_series=False),
            draws=self.draws,
            quantiles=[side for level in LEVELS for side in ((1 - level) / 2, (1 + level) / 2)],
        )
        self.splits += 1
        if "refused" in found:
            self.refused[found["refused"]] += 1
            open_side = np.full(len(split.beyond), np.inf)
            return dict.fromkeys(LEVELS, (-open_side, open_side))
        self.errors.update(set(found["errors"]))
        return _intervals(found["quantiles"])

    def summary(self) -> str:
        """How many splits the package refused and why, and how many it fitted with a note of an error."""
        noted = ", ".join(f"{code} {count}" for code, count in self.errors.items())
        lines = [f"{NAME} {self.version}: {self.refused.total()} of {self.splits} splits refused"]
        lines += [f"  {count}: {reason}" for reason, count in self.refused.items()]
        return "\n".join([*lines, *([f"  fitted, with a note of an error: {noted}"] if noted else [])])

    def _ask(self, **question: Any) -> Mapping[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {NAME} ended with {self._process.wait()}; {ENVIRONMENT}")
        return json.loads(line)


def _intervals(quantiles: Sequence[Sequence[float]]) -> Intervals:
    """Log loss from quantiles of the loss, low and high for each level; -inf where a loss is not positive."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(np.array(quantiles, float), 0.0))
    return {level: (logs[2 * i], logs[2 * i + 1]) for i, level in enumerate(LEVELS)}
