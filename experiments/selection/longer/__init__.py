"""Selection, longer runs: does an online rule only learn faster, or also more from the same U?

Claim (RHO-LOSS, Mindermann et al. 2022, 2206.07137): as good in fewer steps, and better at the end.
Expected, before any loss was measured: by 16 passes over U = 2^17 tokens the lead after 4 passes (1.7% at 25
thousand parameters, 2.8% at 99 thousand) is at most half as large, and the control after twice the tokens is
level: it costs as much compute as scoring three candidates for each sequence. With ten candidates, as many as
the paper's code has, the lead after one pass is larger, and lost sooner.
Command: quarry sweep selection/longer

The cells of `selection/text` at U = 2^17 with 2^21 tokens, and 2^20 as a branch.
"""

import dataclasses

from quarry.experiments.selection import TEXT, TEXT_RULES, cell
from quarry.train.config.experiment import BranchConfig, Duration, Experiment

LONGEST = 2**21


def longer(size: str, rule: str = "pieces") -> Experiment:
    """The cell of a size at U = 2^17, of 16 passes and 8."""
    return dataclasses.replace(
        cell(TEXT, size, "u128k", rule),
        duration=Duration(tokens=LONGEST),
        branches=BranchConfig(tokens=(LONGEST // 2,)),
    )


def variants(size: str) -> dict[str, Experiment]:
    """The same by the online rule, with three candidates and ten; with ten also that of `selection/text`."""
    three, ten = TEXT_RULES["online"], TEXT_RULES["online"] + ",candidates=10"
    long = {"online": longer(size, three), "online10-longer": longer(size, ten)}
    return long | {"online10": cell(TEXT, size, "u128k", ten)}
