"""Integer expressions as text.

Enters: sizes, positions and conditions of a kernel. Leaves: Python expressions with the names of the kernel.
"""

from __future__ import annotations

from symdl.emit.names import Names
from symdl.errors import EmitError
from symdl.lower.ir.integers import ZERO, Atom, Clamp, Floor, Mod, Param, Pick, Poly, Var, factor_of, of
from symdl.lower.ir.loops import LANE, ROW, Condition, Divides, Within


class Integers:
    """Prints integer expressions and conditions on them."""

    def __init__(self, names: Names) -> None:
        self.names = names

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
        if isinstance(value, Var | Param):
            return self.names.of(value.name)
        if isinstance(value, Pick):
            return self.element(value.tensor, value.where[0])
        if isinstance(value, Floor | Mod):
            sign = "//" if isinstance(value, Floor) else "%"
            return f"(({self.text(value.value)}) {sign} {self.bracketed(value.by)})"
        if isinstance(value, Clamp):
            return f"max(0, min({self.text(value.value)}, {self.text(value.below - 1)}))"
        raise EmitError(f"{value} is not known inside a kernel")

    def bracketed(self, poly: Poly) -> str:
        """Return an integer expression, in brackets if it is more than a name or a number."""
        text = self.text(poly)
        return text if text.isidentifier() or text.isdecimal() else f"({text})"

    def element(self, tensor: int | str, position: Poly) -> str:
        """Return what reads an element, or one of each sample of a tile."""
        array = self.names.of(str(tensor))
        base, name, step = in_tile(position)
        if name == LANE:
            return f"tile_at({array}, {self.text(base)})"
        if name == ROW:
            return f"rows_at({array}, {self.text(base)}, {self.text(step)}, live)"
        return f"{array}[{self.text(base)}]"

    def condition(self, guard: Condition) -> str:
        """Return a guard."""
        if isinstance(guard, Within):
            return f"0 <= {self.text(guard.value)} < {self.text(guard.extent)}"
        if isinstance(guard, Divides):
            return f"({self.text(guard.value)}) % {self.bracketed(guard.by)} == 0"
        return f"{self.text(guard.left)} == {self.text(guard.right)}"

    def conditions(self, guards: tuple[Condition, ...]) -> str:
        """Return guards that must hold together."""
        return " and ".join(map(self.condition, guards))


def in_tile(position: Poly) -> tuple[Poly, str, Poly]:
    """Return the position for the first sample of a tile, what counts samples, and the step between them."""
    for name in (LANE, ROW):
        step = factor_of(position, Var(name))
        if step != ZERO:
            return position - step * of(Var(name)), name, step
    return position, "", ZERO
