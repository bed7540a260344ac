"""Words of fits and laws as the page writes them: parameters as the formulas have them, papers as links."""

import re
from functools import cache

from markupsafe import Markup, escape

from quarry.analysis.laws import formulas as mathml
from quarry.analysis.laws.catalog import LAWS

_NAMES = {parameter.name for law in LAWS.values() for parameter in law.parameters} | {"S_min", "B_crit"}
_LONG = sorted((name for name in _NAMES if len(name) > 1), key=len, reverse=True)
_NAME = re.compile(rf"(?<![\w/.-])(?:{'|'.join(_LONG)})(?![\w/-])")
_POWER = re.compile(r"\^([\w∞]+)")
_PAPER = re.compile(r"(?:arXiv[ :])?\b(\d{4}\.\d{4,5})\b")


@cache
def symbol(name: str) -> Markup:
    """The name of a parameter as formulas write it, in a line of text."""
    return Markup(mathml.symbol(name))


def with_symbols(words: str) -> Markup:
    """A sentence with the parameters that it names by more than a letter, such as L_inf, as symbols."""
    return Markup(_NAME.sub(lambda name: symbol(name[0]), str(escape(words))))


def unit(words: str) -> Markup:
    """A unit with its exponents raised: parameters^α."""
    return Markup(_POWER.sub(lambda power: f"<sup>{_lowered(power[1])}</sup>", str(escape(words))))


def _lowered(name: str) -> str:
    base, _, index = name.partition("_")
    return f"{base}<sub>{index}</sub>" if index else base


def with_papers(words: str) -> Markup:
    """`words` with a link for each paper of arXiv that they name."""
    link = r'<a href="https://arxiv.org/abs/\1">arXiv \1</a>'
    return Markup(_PAPER.sub(link, str(escape(words))))
