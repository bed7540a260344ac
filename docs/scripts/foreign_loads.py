"""What a file of the site would load from another host."""

import re

HOST = r"""(?:https?:)?//[^\s"'>)]+"""
LOADED = re.compile(
    rf"""<(?:script|img|iframe|source|video|audio|embed|input)\b[^>]*?\bsrc=["']?({HOST})"""
    rf"""|<link\b(?![^>]*\brel=["']?canonical)[^>]*?\bhref=["']?({HOST})"""
    rf"""|(?:url\(|@import)\s*["']?({HOST})"""
    rf"""|(?:fetch|import|importScripts)\(\s*["'`]({HOST})"""
)
"""What a browser loads without a click: links that readers follow may lead anywhere."""


def foreign_loads(text: str) -> list[str]:
    """The addresses on other hosts that a page, style sheet or script of the site loads by itself."""
    return [next(filter(None, found.groups())) for found in LOADED.finditer(text)]
