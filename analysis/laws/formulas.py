r"""A law's LaTeX as MathML, which browsers draw themselves, and as one line of plain text."""

import re
from html import unescape
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

from quarry.errors import LawError

_SPACED = set("=+−≤≥≈∝×±→")
_PLAIN_SYMBOLS = {"⋆": "*"}


def mathml(latex: str) -> str:
    """`latex` as a <math> element, escaped so that it is safe in a page. Raises LawError."""
    return tostring(_parse(latex), encoding="unicode")


_GREEK = {"alpha", "beta", "gamma", "eta", "kappa", "lambda", "mu", "rho", "sigma", "tau", "delta", "theta"}


def latex_of(name: str) -> str:
    """The name of a parameter as formulas write it: alpha_N is \\alpha_{N}, L_inf L_{\\infty}."""
    base, _, index = name.partition("_")
    head = f"\\{base}" if base in _GREEK else base
    tail = {"inf": r"\infty", "star": r"\star"}.get(index, index)
    return f"{head}_{{{tail}}}" if index else head


def symbol(name: str) -> str:
    """The name of a parameter as MathML, in a line of text. Raises LawError."""
    return mathml(latex_of(name)).replace('display="block"', 'display="inline"')


def plain(latex: str) -> str:
    """`latex` on one line: L(N) = (N_c/N)^α_N. Raises LawError."""
    return re.sub(r"\s+", " ", _plain(_parse(latex))).strip()


def in_figure(latex: str) -> str:
    """`plain` as figures have it, which cannot lower a letter: L∞ = 1.2. Raises LawError."""
    return plain(latex).replace("_∞", "∞")


def _parse(latex: str) -> Element:
    if latex.count("{") != latex.count("}"):
        raise LawError(f"the formula has a brace without its partner: {latex}")
    # A superscript then belongs to the whole parenthesis, not only to its closing mark.
    grouped = re.sub(r"(?<!\\left)\(", r"\\left(", re.sub(r"(?<!\\right)\)", r"\\right)", latex))
    try:
        root = convert_to_element(grouped)[0]
    except Exception as error:  # the library's errors have no class in common
        raise LawError(f"the formula cannot be read ({type(error).__name__}): {latex}") from error
    for element in root.iter():
        element.text = unescape(element.text or "")
        _check(element, latex)
    root.tag, root.attrib = "math", {"display": "block"}
    return root


def _check(element: Element, latex: str) -> None:
    """Raise LawError where the library passes over a mistake: an unknown command, half a fraction."""
    if element.tag != "mtext" and (element.text or "").startswith("\\"):
        raise LawError(f"cannot show {element.text} of the formula {latex}")
    if element.tag == "mfrac" and len(element) != 2:
        raise LawError(f"the formula has a fraction without its denominator: {latex}")


def _plain(element: Element) -> str:
    parts = [_plain(child) for child in element]
    match element.tag:
        case "mfrac":
            return "/".join(_wrapped(part, " /") for part in parts)
        case "msub":
            return f"{parts[0]}_{_wrapped(parts[1])}"
        case "msup":
            # N'^a is one superscript in MathML: a prime, then a.
            prime, exponent = ("'" if parts[1].startswith("′") else ""), parts[1].removeprefix("′")
            return parts[0] + prime + (f"^{_wrapped(exponent)}" if exponent else "")
        case "msubsup":
            return f"{parts[0]}_{_wrapped(parts[1])}^{_wrapped(parts[2])}"
        case "msqrt":
            return f"√({parts[0]})"
    own = _PLAIN_SYMBOLS.get(element.text or "", element.text or "")
    return f" {own} " if element.tag == "mo" and own in _SPACED else own + "".join(parts)


def _wrapped(part: str, composing: str = " /^") -> str:
    """`part` in parentheses if it is composed of several terms."""
    part = part.strip()
    composite = any(symbol in part for symbol in composing) and not re.fullmatch(r"\([^()]*\)", part)
    return f"({part})" if composite else part
