"""Words of people as identifiers.

Enters: a name that somebody chose, any text. Leaves: an identifier of plain letters, digits and single
underscores, which begins with a letter. Nothing else of the text gets through.
"""

from __future__ import annotations

import builtins
import keyword
import re
import string
import unicodedata

_LONGEST = 40
_PLAIN = frozenset(string.ascii_letters + string.digits)
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?([A-Z]+)(?: SYMBOL)?")
_OTHERS = {"ℓ": "l", "∂": "d", "∇": "grad"}
PYTHON = frozenset((*keyword.kwlist, *keyword.softkwlist, *dir(builtins)))
"""What means something in every module."""


def identifier(name: str, other: str = "t") -> str:
    """Return a name as an identifier; `other` stands for one of which nothing is left, and before digits."""
    words = re.split("_+", "".join(map(_letter, name[: 8 * _LONGEST])))
    found = "_".join(filter(None, words))[:_LONGEST].rstrip("_")
    return found if found[:1].isalpha() else f"{other}_{found}" if found else other


def _letter(character: str) -> str:
    """Return what a character becomes: itself, the name of a Greek letter, or an underscore."""
    if character in _PLAIN:
        return character
    if character in _OTHERS:
        return _OTHERS[character]
    greek = _GREEK.fullmatch(unicodedata.name(character, ""))
    if greek is None:
        return "_"
    word = {"LAMDA": "LAMBDA"}.get(greek[2], greek[2])
    return word.lower() if greek[1] == "SMALL" else word.capitalize()


def free(stem: str, taken: frozenset[str] | set[str]) -> str:
    """Return an identifier that is not taken: `stem`, or `stem` with the next number."""
    if stem not in taken:
        return stem
    number = 2
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"
