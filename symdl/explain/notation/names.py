"""From names to how they are set.

Enters: the names that users and programs give. Leaves: a `Label` for each, no two alike, and the label as
LaTeX and as text. Nothing of a name reaches LaTeX unread: a character is a known letter or it is escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from symdl.explain.notation.tree import Label
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor

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


def labels_of(
    program: Program,
    given: Mapping[Tensor, Label] | None = None,
    named: Mapping[str, Label] | None = None,
    *,
    last: Collection[Tensor] = (),
) -> dict[Tensor, Label]:
    """Return a label for every tensor of a program, no two alike; `named` are the labels of known names.

    A cotangent is its tensor with a bar, a tangent with a dot. An unnamed tensor gets a letter of its own,
    those of `last` after all others.
    """
    labels: dict[Tensor, Label] = dict(given or {})
    names = Names(labels.values())
    tensors = [*program.inputs, *(e.lhs for e in program.equations)]
    for tensor in tensors:
        wished = (named or {}).get(str(tensor.name))
        if wished is not None and tensor not in labels:
            labels[tensor] = names.free(wished)
    ordered = sorted(tensors, key=lambda t: (not t.name, t in last))
    for tensor in ordered:
        if tensor in labels:
            continue
        labels[tensor] = names.of(tensor, labels, program)
    return labels


class Names:
    """Labels that are taken, and how far each name has been numbered, so that naming stays linear."""

    def __init__(self, taken: Iterable[Label] = ()) -> None:
        self.taken = set(taken)
        self.last: dict[Label, int] = {}

    def free(self, wish: Label) -> Label:
        """Return `wish`, with a number above it if it is taken, and take it."""
        count, label = self.last.get(wish, 1), wish
        while label in self.taken:
            count += 1
            label = replace(wish, marks=(*wish.marks, str(count)))
        self.last[wish] = max(1, count - 1)
        self.taken.add(label)
        return label

    def of(self, tensor: Tensor, labels: Mapping[Tensor, Label], program: Program) -> Label:
        """Return a free label for a tensor, and take it."""
        return self.free(_wish(tensor, labels, self.taken, program))


USUAL_LETTERS = {"gain": "gamma", "shift": "beta", "mean": "mu", "unit": "xhat"}
"""Letters that are usual for what a layer calls by a word, as in ``norm.gain``."""

_OF_RULES = {"scores": "S", "biased scores": "S", "softmax": "P", "attention": "O"}
"""Letters that are usual for results of certain rules, if these have no names."""


def _wish(tensor: Tensor, labels: Mapping[Tensor, Label], taken: set[Label], program: Program) -> Label:
    if tensor.name:
        label, word = label_of(tensor.name), Label(tensor.name, verbatim=True)
        return word if label in taken and label_text(label) != label_text(word) else label
    of = tensor.of
    if of is not None and tensor.role in ("cotangent", "tangent"):
        inner = labels.get(of) or _wish(of, labels, taken, program)
        accent = "bar" if tensor.role == "cotangent" else "dot"
        return replace(inner, accents=(*inner.accents, accent))  # type: ignore[arg-type]
    if tensor.role == "index":
        return Label("m")
    if tensor.role == "constant":
        return Label("C")
    equation = program.definitions.get(tensor)
    if equation is not None and equation.reduction and equation.reduction.op == "logsumexp":
        return Label("ell")
    if equation is not None and equation.origin.rule in _OF_RULES:
        return Label(_OF_RULES[equation.origin.rule])
    if equation is not None and equation.origin.rule == "previous step":
        before = [a.tensor for a in equation.body.atoms(Access) if a.tensor.name]
        if len(before) == 1 and equation.body == next(iter(equation.body.atoms(Access))):
            return replace(label_of(str(before[0].name)), sub=("prev",))
    if equation is not None and equation.origin.rule == "matmul":
        return Label("z" if tensor.rank == 1 else "Z")
    return Label("T")


def free_label(wish: Label, taken: Iterable[Label]) -> Label:
    """Return `wish`, with a number above it if it is taken."""
    return Names(taken).free(wish)


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
        if re.fullmatch(r"[0-9]+|[A-Za-z][+-][0-9]+", word):
            return word
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
        base = f"\\{accent}{{{base}}}" if len(base) > 1 or base.startswith("\\") else f"\\{accent} {base}"
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
        base += "".join(_COMBINING[accent] for accent in label.accents)
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
