"""The printed logs of nanochat and MaxText.

nanochat prints `step 00050/200000 (..) | loss: 8.97 | ..`, the training loss after so many steps in nats per
token, and `Step 02000 | Validation bpb: 1.33`, held-out bits per byte. MaxText prints
`completed step: 9, .., total_weights: 196608, loss: 10.374`, its steps counted from 0 and total_weights the
tokens of one, and `eval metrics after step: 9, loss=10.1, ..`, both in nats per token.
"""

import math
import re
from typing import Any

import polars as pl

_NUMBER = r"\d+(?:\.\d+)?"

NANOCHAT = re.compile(rf"\bstep (?P<step>\d+)/\d+ \({_NUMBER}%\) \| loss: (?P<loss>{_NUMBER}|nan|inf)")
MAXTEXT = re.compile(
    rf"completed step: (?P<step>\d+),.*?\btotal_weights: (?P<weights>{_NUMBER}), "
    rf"loss: (?P<loss>{_NUMBER}|nan|inf)"
)

_NANOCHAT_HELD_OUT = re.compile(rf"Step (?P<step>\d+) \| Validation bpb: (?P<loss>{_NUMBER})")
_NANOCHAT_BATCH = re.compile(r"Total batch size ([\d,]+)")
_NANOCHAT_COUNTS = re.compile(r"^(transformer_matrices|scalars|lm_head|total) *: ([\d,]+)\s*$", re.MULTILINE)
_NANOCHAT_PARAMETERS = re.compile(r"Number of parameters: ([\d,]+)")
_NANOCHAT_FLOPS = re.compile(rf"Estimated FLOPs per token: ({_NUMBER}e[+-]?\d+)")
_MAXTEXT_HELD_OUT = re.compile(rf"eval metrics after step: (?P<step>\d+), *loss=(?P<loss>{_NUMBER})")
_MAXTEXT_PARAMETERS = re.compile(rf"number parameters: ({_NUMBER}) billion")
_MAXTEXT_NAME = re.compile(r"Config param run_name: (\S+)")

NATS_PER_TOKEN, NATS_PER_BYTE = "nats/token", "nats/byte"


def read_nanochat(text: str, run: str) -> pl.DataFrame:
    """A row per validation, its loss in nats per byte; of a log without any a row per step, training loss.

    N is the transformer's matrices and scalars, without embeddings and head, or all parameters in older logs.
    """
    batch = _integer(_NANOCHAT_BATCH, text)
    counts = {name: int(value.replace(",", "")) for name, value in _NANOCHAT_COUNTS.findall(text)}
    known: dict[str, Any] = {"N": _integer(_NANOCHAT_PARAMETERS, text)}
    if "transformer_matrices" in counts:
        known["N"] = counts["transformer_matrices"] + counts.get("scalars", 0)
        known |= {"n_params": counts.get("total"), "n_head": counts.get("lm_head")}
    flops = _NANOCHAT_FLOPS.search(text)
    held_out = _losses(_NANOCHAT_HELD_OUT, text)
    rows = [
        {"run": run, **known, "step": step, "E": batch and step * batch}
        | ({"C": float(flops[1]) * step * batch} if flops and batch else {})
        | ({"loss": loss * math.log(2), "loss_unit": NATS_PER_BYTE} if held_out else _training(loss))
        for step, loss in (held_out or _losses(NANOCHAT, text)).items()
        if step > 0
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def read_maxtext(text: str, run: str) -> pl.DataFrame:
    """A row per evaluation; of a log without any a row per step, training loss. N counts all parameters."""
    weights = {int(found["step"]): float(found["weights"]) for found in MAXTEXT.finditer(text)}
    batch = max(weights.values())
    parameters, name = _MAXTEXT_PARAMETERS.search(text), _MAXTEXT_NAME.search(text)
    held_out = _losses(_MAXTEXT_HELD_OUT, text)
    rows = [
        {"run": name[1] if name else run, "N": round(float(parameters[1]) * 1e9) if parameters else None}
        | {"step": step + 1, "E": int((step + 1) * batch)}
        | ({"loss": loss, "loss_unit": NATS_PER_TOKEN} if held_out else _training(loss))
        for step, loss in (held_out or _losses(MAXTEXT, text)).items()
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _training(loss: float) -> dict[str, Any]:
    return {"loss": loss, "loss_unit": NATS_PER_TOKEN, "loss_of": "training"}


def _losses(pattern: re.Pattern, text: str) -> dict[int, float]:
    """The last loss printed for each step: terminals and resumed runs print some twice."""
    return {int(found["step"]): float(found["loss"]) for found in pattern.finditer(text)}


def _integer(pattern: re.Pattern, text: str) -> int | None:
    found = pattern.search(text)
    return int(found[1].replace(",", "")) if found else None
