"""From names to how they are set.

Enters: the names that users and programs give. Leaves: a `Label` for each, and the label as LaTeX and as
text. Nothing of a name reaches LaTeX unread: a character is a known letter or it is escaped.
"""

from __future__ import annotations

import re
import unicodedata

from symdl.explain.notation.tree import Label

_SMALL = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau"
_LARGE = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
_UNICODE_NAME = {"lambda": "LAMDA", "Lambda": "LAMDA"}


def _greek(name: str) -> str:
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    return unicodedata.lookup(f"GREEK {size} LETTER {_UNICODE_NAME.get(name, name).upper()}")


GREEK = {name: _greek(name) for name in f"{_SMALL} upsilon phi chi psi omega {_LARGE}".split()}
_LETTERS = {letter: name for name, letter in GREEK.items()}
_ACCENTS = ("hat", "tilde", "vec", "dot")
_ESCAPED = {
    "\\": r"\backslash ",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "^": r"\hat{\ }",
    "~": r"\sim ",
    " ": r"\ ",
    "-": r"\text{-}",
}
_OVERLINE = "\u0305"  # over every letter of a word, where a macron is over one
_COMBINING = {"bar": "\u0304", "dot": "\u0307", "hat": "\u0302", "tilde": "\u0303", "vec": "\u20d7"}


def label_of(name: str) -> Label:
    """Read a name: ``first.W``, ``theta_1``, ``x_hat``, ``W2``, ``v_max``; anything else stays a word."""
    *path, last = name.split(".") if not name.startswith(".") and not name.endswith(".") else [name]
    parts = last.split("_")
    if not all(parts):
        return Label(last, marks=tuple(path), verbatim=True)
    base, *sub = parts
    base = USUAL_LETTERS.get(base, base) if path else base
    accents = tuple(part for part in sub if part in _ACCENTS)
    sub = [part for part in sub if part not in _ACCENTS]
    spelled = _LETTERS.get(base, base)
    numbered = re.fullmatch(rf"([^\W\d_]|{'|'.join(GREEK)})(\d+)", spelled)
    if numbered:
        spelled, sub = _LETTERS.get(numbered[1], numbered[1]), [numbered[2], *sub]
    for accent in _ACCENTS:
        if spelled.endswith(accent) and len(spelled) == len(accent) + 1:
            spelled, accents = spelled[0], (accent, *accents)
    return Label(spelled, tuple(sub), tuple(path), accents)  # type: ignore[arg-type]


USUAL_LETTERS = {
    "gain": "gamma",
    "shift": "beta",
    "mean": "mu",
    "unit": "xhat",
    "deviation": "d",
    "variance": "v",
    "rstd": "r",
    "tanh": "u",
}
"""Letters that are usual for what a layer calls by a word, as in ``norm.gain``."""


def word_latex(word: str, *, verbatim: bool = False) -> str:
    """Set a word: a letter in italics, a Greek letter by its name, a longer word upright."""
    if not verbatim:
        if word == "ell":
            return r"\ell"
        name = _LETTERS.get(word, word)
        if name in GREEK:
            return "o" if name == "omicron" else f"\\{name}" if name != "Upsilon" else r"\Upsilon"
        if len(word) == 1 and word.isascii() and word.isalpha():
            return word
        if re.fullmatch(r"[0-9]+|[A-Za-z][+-][0-9]+|([a-z])\1+", word):
            return word  # a number, a place, a second derivative
    return r"\mathrm{" + "".join(map(_character, word)) + "}"


def _character(character: str) -> str:
    if (character.isascii() and character.isalnum()) or character in "+=,.:;()[]*/!?'<>|@":
        return character
    if character in _LETTERS:
        return word_latex(character) + " "
    return _ESCAPED.get(character, f"u{ord(character):x}")


def label_latex(label: Label, *, below: str = "", above: str = "") -> str:
    """Set a label with subscripts `below` it and something more `above` it, such as a transpose."""
    base = word_latex(label.base, verbatim=label.verbatim)
    if label.font:
        base = f"\\{label.font}{{{base}}}"
    for accent in label.accents:
        word = accent == "bar" and base.startswith("\\mathrm")
        command = "overline" if word else accent
        base = f"\\{command}{{{base}}}" if len(base) > 1 or base.startswith("\\") else f"\\{accent} {base}"
    if label.key:
        base = f"\\data{{s={label.key}}}{{{base}}}"
    marks = ",".join(word_latex(mark) for mark in label.marks)
    above = (f"({marks})" if marks else "") + above
    sub = ""
    for part in reversed(label.sub):
        sub = word_latex(part) + (f"_{braced(sub)}" if sub else "")
    if below:
        sub = f"{sub},{below}" if sub else below
    text = base + (f"^{braced(above)}" if above else "") + (f"_{braced(sub)}" if sub else "")
    return f"\\textcolor[HTML]{{{label.color.lstrip('#')}}}{{{text}}}" if label.color else text


def braced(text: str) -> str:
    """Return an exponent or a subscript: braces unless it is one character or one command."""
    return text if len(text) == 1 or re.fullmatch(r"\\[A-Za-z]+", text) else f"{{{text}}}"


def label_text(label: Label, *, ascii: bool = False) -> str:
    """Set a label in one line of text: ``first.W``, ``θ_1``, ``Z̄``."""
    base = label.base
    if not label.verbatim:
        base = "l" if ascii and base == "ell" else "ℓ" if base == "ell" else base
        base = (_LETTERS.get(base, base) if ascii else GREEK.get(base, base)) if base != "ell" else base
    if ascii:
        base = "".join(c if c.isascii() else f"u{ord(c):x}" for c in base)
        base += "".join(f"_{accent}" for accent in label.accents)
    else:
        for accent in label.accents:
            over = _OVERLINE if accent == "bar" and len(base) > 1 and base.isalpha() else None
            base = "".join(c + over for c in base) if over else base + _COMBINING[accent]
    digits = all(part.isdigit() for part in label.sub)
    low = "".join(f"_{part}" for part in label.sub)
    if digits and not ascii and len(label.sub) == 1:
        low = label.sub[0].translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
    numbers = [mark for mark in label.marks if mark.isdigit()]
    path = "".join(f"{mark}." for mark in label.marks if mark not in numbers)
    high = "" if not numbers else f"({','.join(numbers)})"
    if not ascii:
        high = high.translate(str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾"))
    return f"{path}{base}{high}{low}"
