"""All laws by name. A new law is one `Law` object in the file of its family, and one line in `LAWS` here."""

from quarry.analysis.laws.chinchilla import CHINCHILLA, OVERTRAINING, SKALING
from quarry.analysis.laws.kaplan import (
    CONTEXT,
    CRITICAL_BATCH,
    KAPLAN_C,
    KAPLAN_D,
    KAPLAN_N,
    KAPLAN_ND,
    KAPLAN_NS,
)
from quarry.analysis.laws.law import Law
from quarry.analysis.laws.power_laws import BROKEN_POWER, IN_ONE_VARIABLE, POWER_OFFSET, in_variable
from quarry.analysis.laws.repeated_data import (
    BOUNDED,
    DATA_CONSTRAINED,
    EFFECTIVE_REUSE,
    EPOCHS,
    OVERFIT_EPOCHS,
    epochs,
)
from quarry.errors import LawError
from quarry.text import choose

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        KAPLAN_N,
        KAPLAN_D,
        KAPLAN_C,
        KAPLAN_ND,
        KAPLAN_NS,
        CRITICAL_BATCH,
        POWER_OFFSET,
        CHINCHILLA,
        SKALING,
        DATA_CONSTRAINED,
        EFFECTIVE_REUSE,
        OVERFIT_EPOCHS,
        BOUNDED,
        EPOCHS,
        CONTEXT,
        BROKEN_POWER,
        OVERTRAINING,
    )
}


def find_law(name: str, x: str = "N", terms: tuple[str, ...] | None = None) -> Law:
    """The law called `name`.

    Args:
        name: A key of `quarry.LAWS`.
        x: The variable of `power-offset` and `broken-power`, one of N, U, E, C.
        terms: The terms of `epochs` beside Chinchilla's: any of coupling, reuse, overfit; default coupling
            and reuse.

    Returns:
        The law: its formula, inputs, parameters and source.

    Raises:
        LawError: There is no such law, or it takes no such variable or terms.

    Examples:
        >>> import quarry
        >>> quarry.find_law("chinchilla").inputs
        ('N', 'E')
        >>> quarry.find_law("power-offset", x="E").parameter_names
        ('L_inf', 'x_0', 'alpha')
    """
    if name not in LAWS:
        raise LawError(f"no law {name!r}: {choose(name, LAWS)}")
    if name != EPOCHS.name and terms is not None:
        raise LawError(f"terms are for the law epochs, not {name}")
    if name == EPOCHS.name:
        return EPOCHS if terms is None else epochs(tuple(terms))
    return in_variable(name, x) if name in IN_ONE_VARIABLE else LAWS[name]
