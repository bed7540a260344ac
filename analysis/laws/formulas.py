r"""A law's LaTeX as MathML, which browsers draw themselves, and as one line of plain text.

Covers what the laws are written in: letters, numbers, Greek, sub- and superscripts, \frac, \sqrt, \left and
\right, \text and its kin, named functions and the usual operators. Anything else is refused by name.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, tostring

from quarry.errors import LawError

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")
_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "ϕ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "infty": "∞", "ell": "ℓ",
}  # fmt: skip
_OPERATORS = {
    "cdot": "·", "times": "×", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "approx": "≈", "propto": "∝",
    "to": "→", "pm": "±", "star": "*", "ast": "*", "ldots": "…", "dots": "…",
}  # fmt: skip
_FUNCTIONS = {"min", "max", "exp", "log", "ln", "inf", "sup"}
_TEXT = {"text", "mathrm", "operatorname"}
_SPACES = {"\\,", "\\;", "\\!", "\\ ", "\\quad"}
_SPACED = set("=+−≤≥≈∝×±→")


def mathml(latex: str) -> str:
    """`latex` as a <math> element, safe to put in a page. Raises LawError."""
    root = _parse(latex)
    root.set("display", "block")
    return tostring(root, encoding="unicode")


def plain(latex: str) -> str:
    """`latex` on one line: L(N) = (N_c/N)^α_N. Raises LawError."""
    return re.sub(r"\s+", " ", _plain(_parse(latex))).strip()


def _parse(latex: str) -> Element:
    tokens = _Tokens(latex)
    root = Element("math")
    _row(tokens, root, end=None)
    return root


class _Tokens:
    """The tokens of a formula, with one of look-ahead."""

    def __init__(self, latex: str):
        self.latex = latex
        self._tokens: Iterator[str] = iter([t for t in _TOKEN.findall(latex) if t not in _SPACES])
        self.next: str | None = next(self._tokens, None)

    def take(self) -> str:
        if self.next is None:
            raise LawError(f"the formula ends too early: {self.latex}")
        token, self.next = self.next, next(self._tokens, None)
        return token


def _row(tokens: _Tokens, parent: Element, end: str | None) -> None:
    while tokens.next != end:
        parent.append(_scripted(tokens))


def _scripted(tokens: _Tokens) -> Element:
    base, scripts = _atom(tokens), {}
    while tokens.next in ("_", "^"):
        mark = tokens.take()
        scripts[mark] = _atom(tokens)
    if not scripts:
        return base
    tag = {("_",): "msub", ("^",): "msup"}.get(tuple(scripts), "msubsup")
    element = Element(tag)
    element.extend([base, *(scripts[mark] for mark in "_^" if mark in scripts)])
    return element


def _atom(tokens: _Tokens) -> Element:
    token = tokens.take()
    if token == "{":
        return _group(tokens, Element("mrow"), "}")
    if token == "\\left":
        return _fenced(tokens)
    if token == "(":
        return _parenthesised(tokens)
    if token == "\\frac":
        element = Element("mfrac")
        element.extend([_atom(tokens), _atom(tokens)])
        return element
    if token == "\\sqrt":
        element = Element("msqrt")
        element.append(_atom(tokens))
        return element
    if token[1:] in _TEXT:
        return _leaf("mi", "".join(_atom(tokens).itertext()))
    return _symbol(token, tokens.latex)


def _group(tokens: _Tokens, row: Element, end: str) -> Element:
    _row(tokens, row, end)
    tokens.take()
    return row


def _fenced(tokens: _Tokens) -> Element:
    row = Element("mrow")
    SubElement(row, "mo", stretchy="true").text = tokens.take().removeprefix("\\")
    _group(tokens, row, "\\right")
    SubElement(row, "mo", stretchy="true").text = tokens.take().removeprefix("\\")
    return row


def _parenthesised(tokens: _Tokens) -> Element:
    row = Element("mrow")
    row.append(_leaf("mo", "("))
    _group(tokens, row, ")")
    row.append(_leaf("mo", ")"))
    return row


def _symbol(token: str, latex: str) -> Element:
    name = token.removeprefix("\\")
    if token[0].isdigit():
        return _leaf("mn", token)
    if token.isalpha():
        return _leaf("mi", token)
    if token == name:
        return _leaf("mo", "−" if token == "-" else token)
    if name in _GREEK or name in _FUNCTIONS:
        return _leaf("mi", _GREEK.get(name, name))
    if name in _OPERATORS or not name.isalpha():
        return _leaf("mo", _OPERATORS.get(name, name))
    raise LawError(f"cannot show {token} of the formula {latex}")


def _leaf(tag: str, text: str) -> Element:
    element = Element(tag)
    element.text = text
    return element


def _plain(element: Element) -> str:
    parts = [_plain(child) for child in element]
    match element.tag:
        case "mfrac":
            return "/".join(_wrapped(part, " /") for part in parts)
        case "msub":
            return f"{parts[0]}_{_wrapped(parts[1])}"
        case "msup":
            return f"{parts[0]}^{_wrapped(parts[1])}"
        case "msubsup":
            return f"{parts[0]}_{_wrapped(parts[1])}^{_wrapped(parts[2])}"
        case "msqrt":
            return f"√({parts[0]})"
    own = element.text or ""
    return f" {own} " if element.tag == "mo" and own in _SPACED else own + "".join(parts)


def _wrapped(part: str, composing: str = " /^") -> str:
    part = part.strip()
    composite = any(symbol in part for symbol in composing) and not re.fullmatch(r"\([^()]*\)", part)
    return f"({part})" if composite else part
