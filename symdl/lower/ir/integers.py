"""Integer index arithmetic.

Enters: loop variables, sizes and elements of integer tensors. Leaves: `Poly`, a polynomial with integer
coefficients over them in one canonical form, so that equal expressions are equal objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from symdl.lower.ir.names import Index, Lane, Local, LoopVar, Param, SizeName, Slot, TensorId, Var, Variable


@dataclass(frozen=True, slots=True)
class Size:
    """A symbolic size, bound when a kernel is called."""

    name: SizeName


@dataclass(frozen=True, slots=True)
class Floor:
    """``floor(value / by)``."""

    value: Poly
    by: Poly


@dataclass(frozen=True, slots=True)
class Mod:
    """``value`` modulo ``by``, with the sign of ``by``."""

    value: Poly
    by: Poly


@dataclass(frozen=True, slots=True)
class Pick:
    """An element of an integer tensor."""

    tensor: TensorId
    where: tuple[Poly, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """An element of an array of a kernel: as a part of a position of one of integers.

    If its type is narrow, `stored` names it: see `symdl.lower.ir.storage`.
    """

    array: Slot
    at: Poly
    stored: str = ""


@dataclass(frozen=True, slots=True)
class Clamp:
    """``value``, or the nearest of ``0 .. below - 1``: for positions that need not be right everywhere."""

    value: Poly
    below: Poly


Atom: TypeAlias = Index | LoopVar | Lane | Local | Size | Param | Floor | Mod | Pick | Element | Clamp
Monomial: TypeAlias = tuple[Atom, ...]
Sizes: TypeAlias = Mapping[Any, int]
"""The values of sizes, by `SizeName`; where only a user's names matter, by text."""


@dataclass(frozen=True, slots=True)
class Poly:
    """A sum of integer multiples of products of atoms, in canonical order."""

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Poly | int) -> Poly:
        total = dict(self.terms)
        for monomial, factor in as_poly(other).terms:
            total[monomial] = total.get(monomial, 0) + factor
        return from_terms(total)

    def __sub__(self, other: Poly | int) -> Poly:
        return self + as_poly(other) * -1

    def __mul__(self, other: Poly | int) -> Poly:
        if isinstance(other, int):
            return from_terms({monomial: factor * other for monomial, factor in self.terms})
        total: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in other.terms:
                monomial = left + right if not left or not right else _ordered(left + right)
                total[monomial] = total.get(monomial, 0) + a * b
        return from_terms(total)

    @property
    def number(self) -> int | None:
        """The value, if it holds no atoms."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @property
    def atom(self) -> Atom | None:
        """The atom, if that is all."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            return self.terms[0][0][0]
        return None


def key(atom: Atom) -> tuple[Any, ...]:
    """Return what puts atoms into their order: by kind, then by number or name."""
    match atom:
        case LoopVar():
            return 7, atom.number, atom.copies
        case Size():
            return 6, str(atom.name)
        case Index():
            return 9, atom.number
        case Param():
            return 3, atom.number
        case Lane():
            return 8, atom.row
        case Local():
            return 10, atom.number, atom.copies, atom.part == "position"
        case Pick():
            return 4, atom.tensor, *map(_poly_key, atom.where)
        case Element():
            return 5, atom.array.number, _poly_key(atom.at)
        case Floor():
            return 1, _poly_key(atom.value), _poly_key(atom.by)
        case Mod():
            return 2, _poly_key(atom.value), _poly_key(atom.by)
        case Clamp():
            return 0, _poly_key(atom.value), _poly_key(atom.below)
        case _:
            assert_never(atom)


def _poly_key(poly: Poly) -> tuple[Any, ...]:
    return tuple((tuple(map(key, monomial)), factor) for monomial, factor in poly.terms)


def _ordered(monomial: Monomial) -> Monomial:
    return tuple(sorted(monomial, key=key))


def from_terms(terms: Mapping[Monomial, int]) -> Poly:
    """Return the polynomial of a table from products of atoms to factors."""
    kept = [(m, f) for m, f in terms.items() if f]
    if len(kept) > 1:
        kept.sort(key=lambda term: [key(atom) for atom in term[0]])
    return Poly(tuple(kept))


def constant(value: int) -> Poly:
    """Return a number as a polynomial."""
    return Poly((((), value),)) if value else Poly(())


def of(atom: Atom) -> Poly:
    """Return an atom as a polynomial."""
    return Poly((((atom,), 1),))


def as_poly(value: Poly | int) -> Poly:
    """Return a polynomial as it is, a number as a polynomial."""
    return constant(value) if isinstance(value, int) else value


ZERO, ONE = constant(0), constant(1)


def floor(value: Poly, by: Poly) -> Poly:
    """Return ``floor(value / by)``."""
    if by == ONE:
        return value
    whole, rest = _divided(value, by)
    if rest.number is not None and by.number is not None:
        return whole + rest.number // by.number
    return whole + of(Floor(rest, by))


def mod(value: Poly, by: Poly) -> Poly:
    """Return ``value`` modulo ``by``."""
    if by == ONE:
        return ZERO
    _, rest = _divided(value, by)
    if rest.number is not None and by.number is not None:
        return constant(rest.number % by.number)
    return of(Mod(rest, by))


def rejoined(poly: Poly) -> Poly:
    """Return `poly` with ``value`` in place of ``floor(value / by)*by + value % by``, wherever that is."""
    known = dict(poly.terms)
    for monomial, factor in poly.terms:
        for at, atom in enumerate(monomial):
            if not isinstance(atom, Mod):
                continue
            times = Poly(((monomial[:at] + monomial[at + 1 :], factor),))
            whole = times * of(Floor(atom.value, atom.by)) * atom.by
            if all(known.get(m) == f for m, f in whole.terms):
                return rejoined(poly - whole - times * of(atom) + times * atom.value)
    return poly


def _divided(value: Poly, by: Poly) -> tuple[Poly, Poly]:
    """Return a quotient of those terms that are multiples of a number, and the other terms."""
    number = by.number
    if number is None or number <= 0:
        return ZERO, value
    terms = {monomial: factor // number for monomial, factor in value.terms if factor % number == 0}
    return from_terms(terms), from_terms({m: f for m, f in value.terms if m not in terms})


def product(sizes: Iterable[Poly]) -> Poly:
    """Return the product of polynomials."""
    result = ONE
    for size in sizes:
        result = result * size
    return result


def parts(atom: Atom) -> tuple[Poly, ...]:
    """Return the polynomials inside an atom."""
    if isinstance(atom, Var):  # most atoms are
        return ()
    match atom:
        case Floor() | Mod():
            return atom.value, atom.by
        case Clamp():
            return atom.value, atom.below
        case Pick():
            return atom.where
        case Element():
            return (atom.at,)
        case Size() | Param():
            return ()
        case _:
            assert_never(atom)


def rebuild(poly: Poly, change: Callable[[Atom], Poly | None]) -> Poly:
    """Return `poly` with atoms replaced, from the outside in; None leaves an atom, but not its inside."""
    if all(not monomial for monomial, _ in poly.terms):
        return poly
    result = ZERO
    for monomial, factor in poly.terms:
        term = constant(factor)
        for atom in monomial:
            term = term * _rebuilt(atom, change)
        result = result + term
    return result


def _rebuilt(atom: Atom, change: Callable[[Atom], Poly | None]) -> Poly:
    new = change(atom)
    if new is not None:
        return new
    if isinstance(atom, Var):
        return of(atom)
    match atom:
        case Floor():
            return floor(rebuild(atom.value, change), rebuild(atom.by, change))
        case Mod():
            return mod(rebuild(atom.value, change), rebuild(atom.by, change))
        case Pick():
            return of(Pick(atom.tensor, tuple(rebuild(e, change) for e in atom.where)))
        case Element():
            return of(Element(atom.array, rebuild(atom.at, change), atom.stored))
        case Clamp():
            return of(Clamp(rebuild(atom.value, change), rebuild(atom.below, change)))
        case Size() | Param():
            return of(atom)
        case _:
            assert_never(atom)


def wrapped(poly: Poly) -> Poly:
    """Return `poly` with factors that an int64 holds; sums and products that wrap around stay the same."""
    half = 2**63
    if all(-half <= factor < half for _, factor in poly.terms):
        return poly
    return from_terms({monomial: (factor + half) % (2 * half) - half for monomial, factor in poly.terms})


def substitute(poly: Poly, values: Mapping[Variable, Poly]) -> Poly:
    """Return `poly` with values in place of variables."""
    if not values:
        return poly
    return rebuild(poly, lambda a: values.get(a) if isinstance(a, Var) else None)


def atoms(poly: Poly) -> list[Atom]:
    """Return the atoms, those inside others included, each once."""
    found: dict[Atom, None] = {}
    todo = [poly]
    while todo:
        for monomial, _ in todo.pop().terms:
            for atom in monomial:
                if atom not in found:
                    found[atom] = None
                    todo.extend(parts(atom))
    return list(found)


def variables(poly: Poly) -> set[Variable]:
    """Return the variables in a polynomial."""
    return {atom for atom in atoms(poly) if isinstance(atom, Var)}


def split(poly: Poly) -> dict[Monomial, Poly]:
    """Return for each product of non-size atoms its coefficient, a polynomial in sizes."""
    result: dict[Monomial, Poly] = {}
    for monomial, factor in poly.terms:
        moving = tuple(a for a in monomial if not isinstance(a, Size))
        fixed = tuple(a for a in monomial if isinstance(a, Size))
        result[moving] = result.get(moving, ZERO) + Poly(((fixed, factor),))
    return result


def factor_of(poly: Poly, atom: Atom) -> Poly:
    """Return what an atom is multiplied by in a sum."""
    result = ZERO
    for monomial, factor in poly.terms:
        if atom in monomial:
            rest = list(monomial)
            rest.remove(atom)
            result = result + Poly(((tuple(rest), factor),))
    return result


def linear(poly: Poly) -> tuple[dict[Variable, Poly], Poly] | None:
    """Return the coefficients of the variables and the rest, or None if that is not all."""
    slopes: dict[Variable, Poly] = {}
    rest = ZERO
    for monomial, coefficient in split(poly).items():
        if not monomial:
            rest = coefficient
        elif len(monomial) == 1 and isinstance(only := monomial[0], Var):
            slopes[only] = coefficient
        else:
            return None
    return slopes, rest


def evaluate(poly: Poly, sizes: Sizes) -> int:
    """Return the value of a polynomial in sizes."""
    total = 0
    for monomial, factor in poly.terms:
        for atom in monomial:
            if isinstance(atom, Size):
                factor *= sizes[atom.name]
            elif isinstance(atom, Floor):
                factor *= evaluate(atom.value, sizes) // evaluate(atom.by, sizes)
            elif isinstance(atom, Mod):
                factor *= evaluate(atom.value, sizes) % evaluate(atom.by, sizes)
            elif isinstance(atom, Clamp):
                factor *= max(0, min(evaluate(atom.value, sizes), evaluate(atom.below, sizes) - 1))
            else:
                raise KeyError(atom)
        total += factor
    return total


def text(poly: Poly) -> str:
    """Return a polynomial for people."""
    shown = []
    for monomial, factor in poly.terms:
        names = [_atom_text(atom) for atom in monomial]
        head = [] if factor == 1 and names else [str(factor)]
        shown.append("*".join(head + names))
    return " + ".join(shown).replace("+ -", "- ") or "0"


def _atom_text(atom: Atom) -> str:
    match atom:
        case Index() | LoopVar() | Lane() | Local() | Param():
            return str(atom)
        case Size():
            return str(atom.name)
        case Pick():
            return f"t{atom.tensor}[{', '.join(map(text, atom.where))}]"
        case Element():
            return f"{atom.array}[{text(atom.at)}]"
        case Clamp():
            return f"clamp({text(atom.value)}, {text(atom.below)})"
        case Floor():
            return f"(({text(atom.value)}) // ({text(atom.by)}))"
        case Mod():
            return f"(({text(atom.value)}) % ({text(atom.by)}))"
        case _:
            assert_never(atom)
