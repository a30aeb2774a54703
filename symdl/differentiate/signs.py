"""Signs read from what is kept anyway.

Enters: a program with derivatives. Leaves: the same values in less memory. Where ``a = max(z, c)``, or
``a = z if z > c else d`` with ``d <= c``, the conditions ``z > c`` and ``a > c`` are one, for every number
and for NaN. The derivative of such an activation asks for the one, and the product after it keeps `a`: if the
other is asked for, nobody needs to keep `z`. The same holds for the element of `z` that a maximum over such
activations has chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import sympy as sp

from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, Guard, exact_quotients
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, is_plain, substitute


def with_signs(program: Program) -> Program:
    """Return the program with conditions on `a` in place of those on `z`, where nothing else reads `z`."""
    fixed = {*program.outputs, *(new for _, new in program.updates)}
    fixed.update(e.lhs for r in program.recurrences for e in r.equations)
    readers: defaultdict[Tensor, list[Equation]] = defaultdict(list)
    for equation in program.equations:
        for tensor in equation.reads():
            readers[tensor].append(equation)
    done = program.definitions.copy()
    for equation in program.equations:
        source = _clipped(equation, readers)
        if source is None or {source.argument.tensor, equation.lhs} & fixed:
            continue
        others = [e.lhs for e in readers[source.argument.tensor] if e.lhs not in source.makers]
        new = [source.asked_by(done[lhs]) for lhs in others]
        if source.argument.tensor in program.definitions and all(e is not None for e in new):
            done.update({e.lhs: e for e in new if e is not None})
    changed = any(done[e.lhs] is not e for e in program.equations)
    return program.with_equations(done.values()) if changed else program


@dataclass(frozen=True, slots=True)
class _Clipped:
    """`z` clipped from below or the maximum of such: the equation, the access to `z`, the limit `c`.

    `choice` is the argmax equation of a maximum. The two read all of `z`.
    """

    equation: Equation
    argument: Access
    limit: sp.Expr
    choice: Equation | None = None

    @property
    def makers(self) -> set[Tensor]:
        return {e.lhs for e in (self.equation, self.choice) if e is not None}

    def asked_by(self, reader: Equation) -> Equation | None:
        """Return an equation with ``a > c`` for ``z > c``, or None if it needs `z` for anything else."""
        change: dict[sp.Basic, sp.Basic] = {}
        for condition in reader.body.atoms(sp.StrictGreaterThan, sp.StrictLessThan):
            where = condition.gts
            if isinstance(where, Access) and where.tensor is self.argument.tensor:
                result = self.result_for(where, reader.guards)
                if result is not None and condition.lts == self.limit:
                    change[condition] = sp.StrictGreaterThan(result, self.limit)
        new = replace(reader, body=reader.body.xreplace(change))
        return None if self.argument.tensor in new.reads() else new

    def result_for(self, where: Access, guards: tuple[Guard, ...]) -> Access | None:
        """Return the element of `a` that comes from an element of `z`."""
        if self.choice is None:
            return self.equation.lhs.at(*where.indices)
        for at, flat in self._chosen(guards):
            values = dict(zip(self.choice.indices, at.indices, strict=True))
            bound = self._solved(values, where, guards)
            if bound is not None and self._number(bound, guards) == sp.expand(exact_quotients(flat, guards)):
                return self.equation.lhs.at(*at.indices)
        return None

    def _chosen(self, guards: tuple[Guard, ...]) -> Iterator[tuple[Access, sp.Expr]]:
        """Yield the elements of the argmax that guards fix, and their values."""
        assert self.choice is not None
        for guard in guards:
            if isinstance(guard, Equal):
                for one, other in ((guard.left, guard.right), (guard.right, guard.left)):
                    if isinstance(one, Access) and one.tensor is self.choice.lhs:
                        yield one, other

    def _solved(
        self, values: dict[Index, sp.Expr], where: Access, guards: tuple[Guard, ...]
    ) -> dict[Index, sp.Expr] | None:
        """Return the place in the window at which the maximum reads an element, None if it does not."""
        found: dict[Index, sp.Expr] = {}
        for mine, theirs in zip(self.argument.indices, where.indices, strict=True):
            inside = [index for index in self.equation.bound if mine.has(index)]
            gap = sp.expand(exact_quotients(sp.expand(theirs - substitute(mine, dict(values))), guards))
            if not inside and gap == 0:
                continue
            if len(inside) != 1 or inside[0] in found or sp.expand(mine).coeff(inside[0]) != 1:
                return None
            found[inside[0]] = sp.expand(gap + inside[0])
        return found if set(found) == set(self.equation.bound) else None

    def _number(self, bound: dict[Index, sp.Expr], guards: tuple[Guard, ...]) -> sp.Expr:
        """Return the number of a place in the window, as an argmax counts."""
        assert self.equation.reduction is not None
        flat = sp.expand(self.equation.reduction.place.xreplace(bound))
        return sp.expand(exact_quotients(flat, guards))


def _clipped(equation: Equation, readers: dict[Tensor, list[Equation]]) -> _Clipped | None:
    """Recognise an equation that clips `z` from below."""
    found = _limit(equation.body)
    if found is None:
        return None
    value, limit = found
    if equation.reduction is None:
        plain = is_plain(value) and value.indices == equation.indices and not equation.guards
        return _Clipped(equation, value, limit) if plain else None
    if equation.reduction.op == "max":
        for choice in readers[value.tensor]:
            if choice.lhs.of is equation.lhs and choice.reduction and choice.reduction.op == "argmax":
                same = choice.body == equation.body and choice.guards == equation.guards
                return _Clipped(equation, value, limit, choice) if same else None
    return None


def _limit(body: sp.Expr) -> tuple[Access, sp.Expr] | None:
    """Return `z` and `c` of ``max(z, c)`` or ``z if z > c else d``."""
    if isinstance(body, sp.Max) and len(body.args) == 2:
        limit, value = sorted(body.args, key=lambda side: isinstance(side, Access))
        return (value, limit) if isinstance(value, Access) and limit.is_number else None
    if not isinstance(body, sp.Piecewise) or len(body.args) != 2:
        return None
    (value, condition), (other, rest) = body.args
    if not isinstance(value, Access) or rest != sp.true or not other.is_number:
        return None
    below = isinstance(condition, sp.StrictGreaterThan | sp.StrictLessThan) and condition.gts == value
    if not below or not condition.lts.is_number or not bool(other <= condition.lts):
        return None
    return value, condition.lts
