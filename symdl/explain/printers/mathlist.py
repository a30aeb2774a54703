r"""The LaTeX of formulas, read back as a tree of what stands where.

Enters: LaTeX as the printer beside this file writes it (amsmath, cancel, xcolor, and the keys of symbols,
``\data``). Leaves: parts that say how things are placed: a row, a fraction, scripts. From them come MathML
and Typst, so that there is one printer that knows formulas, and others only spell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from symdl.errors import ExplainError

Kind = Literal["letter", "upright", "number", "function", "operator", "big", "open", "close", "space"]


@dataclass(frozen=True, slots=True)
class Glyph:
    """One sign or word, in Unicode."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Row:
    """Parts side by side."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Scripts:
    """A base with something below and above; under and over it if it has limits."""

    base: Part
    below: Part | None
    above: Part | None
    limits: bool


@dataclass(frozen=True, slots=True)
class Ratio:
    """A fraction."""

    top: Part
    bottom: Part


@dataclass(frozen=True, slots=True)
class Root:
    """A square root."""

    inside: Part


@dataclass(frozen=True, slots=True)
class Accent:
    """A mark over something: bar, overline, dot, hat, tilde, vec."""

    mark: str
    inside: Part


@dataclass(frozen=True, slots=True)
class Fence:
    """Brackets that are as large as what is in them; an empty sign is none."""

    left: str
    inside: Part
    right: str


@dataclass(frozen=True, slots=True)
class Said:
    """Words in a formula."""

    words: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells: ``cases``, a matrix in brackets, or lines that are aligned."""

    rows: tuple[tuple[Part, ...], ...]
    form: TableForm


@dataclass(frozen=True, slots=True)
class Braced:
    """Something over a brace with words under it."""

    inside: Part
    below: Part


@dataclass(frozen=True, slots=True)
class Tinted:
    """Something in a colour, ``#0B6E4F``."""

    colour: str
    inside: Part


@dataclass(frozen=True, slots=True)
class Struck:
    """Something crossed out."""

    inside: Part


@dataclass(frozen=True, slots=True)
class Keyed:
    """Something that a page knows by a key."""

    key: str
    inside: Part


TableForm: TypeAlias = Literal["cases", "bmatrix", "aligned"]
_TABLES: Mapping[str, TableForm] = {
    "cases": "cases",
    "bmatrix": "bmatrix",
    "aligned": "aligned",
    "split": "aligned",
}

Part: TypeAlias = (
    Glyph | Row | Scripts | Ratio | Root | Accent | Fence | Said | Table | Braced | Tinted | Struck | Keyed
)

_FUNCTIONS = "sin cos tan cot sec csc sinh cosh tanh coth log exp arcsin arccos arctan".split()
_GREEK_LETTERS = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon "
        "phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split(),
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        strict=True,
    )
)
_SIGNS: Mapping[str, tuple[str, Kind]] = {
    **{name: (letter, "letter") for name, letter in _GREEK_LETTERS.items()},
    **{name: (name, "function") for name in _FUNCTIONS},
    **{name: (name, "big") for name in ("max", "min", "det")},
    "varphi": ("φ", "letter"),
    "varepsilon": ("ε", "letter"),
    "ell": ("ℓ", "letter"),
    "partial": ("∂", "letter"),
    "infty": ("∞", "number"),
    "sum": ("∑", "big"),
    "prod": ("∏", "big"),
    "int": ("∫", "big"),
    "nabla": ("∇", "operator"),
    **{name: (sign, "operator") for name, sign in zip(
        "cdot times odot otimes circ wedge vee neg ne neq le leq ge geq mid in to sim approx bmod top cdots "
        "vdots ddots dots ldots prime equiv mapsto Rightarrow implies".split(),
        "·|×|⊙|⊗|∘|∧|∨|¬|≠|≠|≤|≤|≥|≥|∣|∈|→|∼|≈|mod|⊤|⋯|⋮|⋱|…|…|′|≡|↦|⇒|⇒".split("|"), strict=True,
    )},
    "lVert": ("‖", "open"),
    "rVert": ("‖", "close"),
    "lvert": ("|", "open"),
    "rvert": ("|", "close"),
    "lfloor": ("⌊", "open"),
    "rfloor": ("⌋", "close"),
    "lceil": ("⌈", "open"),
    "rceil": ("⌉", "close"),
    "langle": ("⟨", "open"),
    "rangle": ("⟩", "close"),
    "backslash": ("\\", "operator"),
    **{sign: (sign, "operator") for sign in "$%&#_"},
    "{": ("{", "open"),
    "}": ("}", "close"),
    **dict.fromkeys((" ", ",", ";", ":", "quad", "qquad"), (" ", "space")),
    "!": ("", "space"),
}  # fmt: skip
_FONTS = {
    "mathbf": (0x1D400, 0x1D41A, 0x1D7CE),
    "mathsf": (0x1D5A0, 0x1D5BA, 0x1D7E2),
    "mathcal": (0x1D49C, 0x1D4B6, 0),
}
_IRREGULAR = dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True))
"""Script letters that Unicode has elsewhere."""
_ACCENTS = ("bar", "overline", "dot", "hat", "widehat", "tilde", "widetilde", "vec")
_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)


def read(source: str) -> Part:
    """Return a formula's parts.

    Raises:
        ExplainError: it holds a command that is not known here.
    """
    reader = _Reader(source, _TOKEN.findall(source))
    part = reader.row(lambda: False)
    if reader.tokens[reader.place :]:
        raise reader.refused(reader.tokens[reader.place])
    return part


@dataclass(slots=True)
class _Reader:
    """Reads tokens from a place on."""

    source: str
    tokens: list[str]
    place: int = 0

    def refused(self, token: str) -> ExplainError:
        return ExplainError(
            f"{token!r} in a formula is only known to LaTeX",
            expression=self.source,
            cure="save the derivation as .tex or .pdf",
        )

    def peek(self) -> str:
        while self.place < len(self.tokens) and self.tokens[self.place].isspace():
            self.place += 1
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        if not token:
            raise ExplainError("a formula ends too early", expression=self.source)
        self.place += 1
        return token

    def took(self, token: str) -> bool:
        """Step over a token if it is next."""
        found = self.peek() == token
        self.place += found
        return found

    def row(self, ends: Callable[[], bool]) -> Part:
        parts: list[Part] = []
        while self.peek() and not ends():
            parts.append(self.scripted())
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def scripted(self) -> Part:
        """One part with its subscript and its superscript."""
        base = self.one()
        below: Part | None = None
        above: Part | None = None
        while self.peek() in ("_", "^", "'"):
            sign = self.take()
            if sign == "_":
                below = self.one()
            else:
                above = self.one() if sign == "^" else Glyph("′", "operator")
        if below is None and above is None:
            return base
        if isinstance(base, Braced) and below is not None:
            return Braced(base.inside, below)
        return Scripts(base, below, above, isinstance(base, Glyph) and base.kind == "big")

    def raw(self) -> str:
        """The text of a group in braces, as it is, with its blanks."""
        if not self.took("{"):
            return self.take()
        start, depth = self.place, 1
        while depth:
            token = self.take()
            depth += (token == "{") - (token == "}")
        return "".join(self.tokens[start : self.place - 1])

    def one(self) -> Part:
        token = self.take()
        if token == "{":
            part = self.row(lambda: self.peek() == "}")
            self.take()
            return part
        if token.startswith("\\") and len(token) > 1:
            return self.command(token[1:])
        if token[0].isdigit():
            return Glyph(token, "number")
        if token.isalpha():
            return Glyph(token, "letter")
        kind: Kind = "open" if token in "([" else "close" if token in ")]" else "operator"
        return Glyph({"-": "−", "*": "∗"}.get(token, token), kind)

    def command(self, name: str) -> Part:
        if name in _SIGNS:
            return Glyph(*_SIGNS[name])
        if name in ("frac", "tfrac", "dfrac"):
            return Ratio(self.one(), self.one())
        if name in _ACCENTS:
            return Accent(name.removeprefix("wide"), self.one())
        if name in _READ:
            return _READ[name](self)
        raise self.refused(f"\\{name}")

    def delimiter(self) -> str:
        token = self.take()
        if token.startswith("\\"):
            return _SIGNS[token[1:]][0] if token[1:] in _SIGNS else token[1:]
        return "" if token == "." else token

    def fence(self) -> Part:
        left = self.delimiter()
        inside = self.row(lambda: self.peek() == r"\right")
        self.take()
        return Fence(left, inside, self.delimiter())

    def row_in_braces(self) -> str:
        """A word in upright letters, its escapes resolved."""
        self.take()
        word = ""
        while (token := self.take()) != "}":
            if token == r"\text":
                word += self.raw()
            elif token == r"\hat":
                self.raw()
                word += "^"
            elif token.startswith("\\") and len(token) > 1:
                word += _SIGNS[token[1:]][0] if token[1:] in _SIGNS else token[1:]
            else:
                word += token
        return word

    def table(self) -> Part:
        form = self.raw()
        kind = _TABLES.get(form)
        if kind is None:
            raise self.refused(f"\\begin{{{form}}}")
        rows: list[tuple[Part, ...]] = []
        cells: list[Part] = []
        while True:
            cells.append(self.row(lambda: self.peek() in ("&", r"\\", r"\end")))
            end = self.take()
            if end == "&":
                continue
            rows.append(tuple(cells))
            cells = []
            if end == r"\end":
                self.raw()
                return Table(tuple(rows), kind)
            if self.took("["):
                while self.take() != "]":
                    pass


def _font(reader: _Reader, name: str) -> Part:
    large, small, digits = _FONTS[name]
    text = ""
    for character in reader.row_in_braces():
        if name == "mathcal" and character in _IRREGULAR:
            text += _IRREGULAR[character]
        elif character.isascii() and character.isalpha():
            text += chr((large if character.isupper() else small) + ord(character.lower()) - ord("a"))
        else:
            text += chr(digits + int(character)) if character.isdigit() and digits else character
    return Glyph(text, "upright")


def _tinted(reader: _Reader) -> Part:
    while reader.take() != "]":
        pass
    return Tinted(f"#{reader.raw()}", reader.one())


_READ: Mapping[str, Callable[[_Reader], Part]] = {
    "left": _Reader.fence,
    "sqrt": lambda r: Root(r.one()),
    "text": lambda r: Said(r.raw().replace("\\", "")),
    "mathrm": lambda r: Glyph(r.row_in_braces(), "upright"),
    "operatorname": lambda r: Glyph(r.row_in_braces(), "function"),
    "operatorname*": lambda r: Glyph(r.row_in_braces(), "big"),
    "mathrel": lambda r: r.one(),
    "underbrace": lambda r: Braced(r.one(), Row(())),
    "cancel": lambda r: Struck(r.one()),
    "textcolor": _tinted,
    "data": lambda r: Keyed(r.raw().partition("=")[2], r.one()),
    "begin": _Reader.table,
    **{name: partial(_font, name=name) for name in _FONTS},
}


def insides(part: Part) -> Iterator[Part]:
    """Yield the parts directly inside a part."""
    for name in getattr(part, "__dataclass_fields__", ()):
        value = getattr(part, name)
        if isinstance(value, Part):
            yield value
        elif isinstance(value, tuple):
            for one in value:
                yield from one if isinstance(one, tuple) else (one,)


__all__ = ["Part", "read"]
