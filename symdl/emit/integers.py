"""Integer expressions as text.

Enters: sizes, positions and conditions of a kernel. Leaves: Python expressions with the names of the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from symdl.emit.names import Names
from symdl.emit.spelling import PYTHON, Spelling
from symdl.errors import EmitError
from symdl.lower.ir.integers import (
    ZERO,
    Atom,
    Clamp,
    Element,
    Floor,
    Mod,
    Pick,
    Poly,
    Size,
    factor_of,
    of,
)
from symdl.lower.ir.loops import Condition, Divides, Same, Within
from symdl.lower.ir.names import LANE, ROW, Index, Lane, Local, LoopVar, Param, Slot


class Integers:
    """Prints integer expressions and conditions on them."""

    def __init__(
        self,
        names: Names,
        spelling: Spelling = PYTHON,
        stored: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.names, self.spelling, self.stored = names, spelling, stored or {}

    def text(self, poly: Poly) -> str:
        """Return an integer expression."""
        shown = ""
        for monomial, factor in sorted(poly.terms, key=lambda term: -len(term[0])):
            names = [self.atom(a) for a in sorted(monomial, key=lambda a: isinstance(a, Param))]
            size = abs(factor)
            term = " * ".join([*([str(size)] if size != 1 or not names else []), *names])
            if not shown:
                shown = f"-{term}" if factor < 0 else term
            else:
                shown += f" {'-' if factor < 0 else '+'} {term}"
        return shown or "0"

    def atom(self, value: Atom) -> str:
        """Return an atom of an integer expression."""
        match value:
            case LoopVar() | Local() | Lane() | Param():
                return self.names.of(value)
            case Element():
                return self.widened(self.element(value.array, value.at), value, "whole")
            case Floor():
                return self.spelling.floor.format(self.text(value.value), self.bracketed(value.by))
            case Mod():
                return self.spelling.modulo.format(self.text(value.value), self.bracketed(value.by))
            case Clamp():
                return self.spelling.clamp.format(self.text(value.value), self.text(value.below - 1))
            case Index() | Size() | Pick():
                raise EmitError(f"{value} is not known inside a kernel")
            case _:
                assert_never(value)

    def bracketed(self, poly: Poly) -> str:
        """Return an integer expression, in brackets if it is more than a name or a number."""
        text = self.text(poly)
        return text if text.isidentifier() or text.isdecimal() else f"({text})"

    def position(self, poly: Poly) -> str:
        """Return where an element is in its array, for brackets."""
        text = self.text(poly)
        return text if text.isidentifier() or text.isdecimal() else self.spelling.position.format(text)

    def element(self, slot: Slot, position: Poly) -> str:
        """Return what reads an element, or one of each sample of a layout block."""
        array = self.names.of(slot)
        base, lane, step = by_lane(position)
        if lane is None:
            return f"{array}[{self.position(base)}]"
        if lane.row:
            return f"rows_at({array}, {self.text(base)}, {self.text(step)}, live)"
        return f"samples_at({array}, {self.text(base)})"

    def widened(self, text: str, element: Element, kind: str = "") -> str:
        """Return an element that was read as a real, or with ``whole`` as an int64."""
        if element.stored:
            several = by_lane(element.at)[1] is not None
            for function in self.stored[kind or element.stored]:
                text = f"each({function}, {text})" if several else f"{function}({text})"
        return text

    def condition(self, guard: Condition) -> str:
        """Return a guard."""
        match guard:
            case Within():
                return self.spelling.within.format(self.text(guard.value), self.text(guard.extent))
            case Divides():
                return self.spelling.divides.format(self.text(guard.value), self.bracketed(guard.by))
            case Same():
                return f"{self.text(guard.left)} == {self.text(guard.right)}"
            case _:
                assert_never(guard)

    def conditions(self, guards: tuple[Condition, ...]) -> str:
        """Return guards that must hold together."""
        return f" {self.spelling.both} ".join(map(self.condition, guards))


def by_lane(position: Poly) -> tuple[Poly, Lane | None, Poly]:
    """Return the position for the first sample of a layout block, what counts samples, and the step between
    them."""
    for lane in (LANE, ROW):
        step = factor_of(position, lane)
        if step != ZERO:
            return position - step * of(lane), lane, step
    return position, None, ZERO
