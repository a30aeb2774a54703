"""Formulas that reach across names.

Enters: an equation, and the definitions of what it reads. Leaves: the equation with the definitions of named
tensors put in where the whole is computed in a form of its own: ``log(1 + E)`` with ``E = exp(X)`` as
``log(1 + exp(X))``. An identity of real numbers; in floating point `E` can be infinite. So a name, or a
second use, changes no number. The named tensor stays for whoever else reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.forms import written
from symdl.express.computed import Computed, computed
from symdl.express.equations import Equation
from symdl.express.kinks import settled
from symdl.express.precise import Logistic
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, substitute

_DEEPEST, _LARGEST = 6, 80
"""How many definitions inside each other are put in, and how many operations in all."""


@dataclass(slots=True)
class Names:
    """Puts definitions in place of names where that keeps digits or avoids overflow.

    Attributes:
        definition: gives the equation whose body an element stands for, or None where it must stay; its
            second argument is the equation that reads the element.
        users: how often each tensor is read in the program.
        fixed: tensors that stay, whether they have names or not.
    """

    definition: Callable[[Access, Equation], Equation | None]
    users: Counter[Tensor]
    fixed: Collection[Tensor]
    _growing: dict[Tensor, frozenset[str]] = field(default_factory=dict)
    _kinds: dict[object, frozenset[str]] = field(default_factory=dict)
    _plain: set[object] = field(default_factory=set)
    """What was found of definitions by their forms, and the forms of equations that stay.

    Equal blocks have equal forms, so that each structure is looked at once.
    """

    def rewrite(self, equation: Equation) -> Equation:
        """Return the equation with those definitions put in that change its numbers."""
        if equation.origin.rule == "operation" or equation.lhs.dtype != "real":
            return equation  # a scalar function has been cut where nothing is lost
        if equation.lhs.role == "cotangent" or _is_contraction(equation):
            return equation
        names = self.below(equation)
        if not names:
            return equation
        form = self.form(equation, names)
        if form in self._plain:
            return equation
        gain = self.gain(equation, names)
        if gain <= 0 and not self.grows(equation, frozenset()):
            self._plain.add(form)
            return equation
        for name in sorted(names, key=lambda tensor: tensor.serial):
            fewer = names - {name}
            if self.gain(equation, fewer) == gain and not self.grows(equation, fewer):
                names = fewer
        return replace(equation, body=settled(self.body(equation, names))) if names else equation

    def below(self, equation: Equation) -> frozenset[Tensor]:
        """Return the tensors whose definitions may be put in, those inside definitions included."""
        found: dict[Tensor, None] = {}
        level, size = [equation], int(sp.count_ops(equation.body))
        for _ in range(_DEEPEST):
            following = []
            for reader in level:
                for access in sorted(reader.body.atoms(Access), key=lambda a: a.order):
                    source = self.definition(access, reader)
                    if source is None or access.tensor in found:
                        continue
                    size += int(sp.count_ops(source.body))
                    if size > _LARGEST:
                        return frozenset(found)
                    found[access.tensor] = None
                    following.append(source)
            level = following
        return frozenset(found)

    def form(self, equation: Equation, names: Collection[Tensor]) -> object:
        """Return all on which it depends what becomes of an equation: no names, but who has one."""
        return self.written(equation, names), tuple(
            (self.grows_so(access, equation, "growing"), self.grows_so(access, equation, "poles"))
            for access in sorted(equation.body.atoms(Access), key=lambda a: a.order)
        )

    def written(self, equation: Equation, names: Collection[Tensor]) -> object:
        """Return an equation with the definitions of `names`, as `symdl.differentiate.forms` has it."""

        def source(access: Access, reader: Equation) -> Equation | None:
            return self.definition(access, reader) if access.tensor in names else None

        return written(equation, source, self.known)

    def known(self, tensor: Tensor) -> object:
        """Return what counts of a tensor besides its definition and what it is."""
        return tensor.name is None, tensor in self.fixed, self.users[tensor] == 1

    def body(self, equation: Equation, names: Collection[Tensor]) -> sp.Expr:
        """Return the body with the definitions of `names` put in."""
        values: dict[Access, sp.Expr] = {}
        for access in equation.body.atoms(Access):
            source = self.definition(access, equation) if access.tensor in names else None
            if source is not None:
                where = dict(zip(source.indices, access.indices, strict=True))
                values[access] = substitute(self.body(source, names), dict(where))
        found: sp.Expr = rebuilt(equation.body, values) if values else equation.body
        return found

    def gain(self, equation: Equation, names: Collection[Tensor]) -> int:
        """Return by how much the whole is simpler than its parts, once they are computed."""
        whole = self.body(equation, names)
        return self.parts(equation, names, equation) - _cost(computed(whole), {}, frozenset())

    def parts(self, equation: Equation, names: Collection[Tensor], first: Equation) -> int:
        """Return the cost of a body and of the definitions of `names` in it."""
        form = computed(equation.body)
        leaves: dict[Access, int] = {}
        gates: set[Access] = set()
        for access in form.atoms(Access):
            source = self.definition(access, equation) if access.tensor in names else None
            if source is not None:
                leaves[access] = max(1, self.parts(source, names, first))
                if _is_gate(computed(source.body)) and not self.free(access, first):
                    gates.add(access)
        return _cost(form, leaves, gates)

    def free(self, access: Access, first: Equation) -> bool:
        """Say whether nobody else needs a gate, so that ``1 - gate`` may as well be computed by itself."""
        once = self.users[access.tensor] == 1 and first.body.count(access) <= 1
        stays = first.lhs.name is not None or first.lhs in self.fixed
        return once or (stays and {a.tensor for a in first.body.atoms(Access)} == {access.tensor})

    def grows(self, equation: Equation, names: Collection[Tensor]) -> bool:
        """Say whether a body is not linear in an element that grows exponentially.

        The element and its derivative are infinite together, and what multiplies them is 0 then.
        """
        body = self.body(equation, names)
        probe = replace(equation, body=body)
        return any(
            (self.grows_so(access, probe, "growing") and not _is_linear(body, access))
            or (self.grows_so(access, probe, "poles") and _is_inside(body, access))
            for access in body.atoms(Access)
        )

    def grows_so(self, access: Access, reader: Equation, how: str) -> bool:
        """Say whether a definition grows exponentially, or has a pole."""
        source = self.definition(access, reader)
        if source is None:
            return False
        if access.tensor not in self._growing:
            names = self.below(source)
            form = self.written(source, names)
            if form not in self._kinds:
                whole = self.body(source, names)
                forms = Computed()
                forms.form(whole)
                kinds = {"growing": whole in forms.growing, "poles": whole in forms.poles}
                self._kinds[form] = frozenset(kind for kind, holds in kinds.items() if holds)
            self._growing[access.tensor] = self._kinds[form]
        return how in self._growing[access.tensor]


def _is_contraction(equation: Equation) -> bool:
    """Say whether a sum of products has factors at different places, which stay as they are."""
    factors = [f for f in sp.Mul.make_args(equation.body) if not f.is_number]
    if equation.reduction is None or len(factors) < 2 or not all(isinstance(f, Access) for f in factors):
        return False
    return len({frozenset(f.free_symbols) for f in factors}) > 1


def _is_gate(form: sp.Expr) -> bool:
    return isinstance(form.as_coeff_Mul()[1], Logistic | sp.tanh)


def _is_linear(node: sp.Basic, access: Access) -> bool:
    if node == access or not node.has(access):
        return True
    if isinstance(node, sp.Piecewise):
        return all(_is_linear(v, access) and not c.has(access) for v, c in node.args)
    inside = [part for part in node.args if part.has(access)]
    if isinstance(node, sp.Mul) and len(inside) > 1:
        return False
    return isinstance(node, sp.Add | sp.Mul) and all(_is_linear(part, access) for part in inside)


def _is_inside(body: sp.Expr, access: Access) -> bool:
    """Say whether a logarithm or a power is taken of what holds an element."""
    return any(node.args[0].has(access) for node in body.atoms(sp.log, sp.Pow))


def _cost(node: sp.Basic, leaves: Mapping[Access, int], gates: Collection[Access]) -> int:
    """Count elements, functions and sums with a number; what is only multiplied costs nothing.

    A sum of a number and one of `gates` is as good as the gate itself.
    """
    if isinstance(node, Access):
        return leaves.get(node, 1)
    if not node.args or getattr(node, "is_number", False):
        return int(isinstance(node, sp.Symbol))
    count = sum(_cost(part, leaves, gates) for part in node.args)
    if isinstance(node, sp.Add):
        loose = not any(part.as_coeff_Mul()[1] in gates for part in node.args)
        return count + int(loose and any(part.is_Number for part in node.args))
    if isinstance(node, sp.Pow):
        return count + int(node.exp.is_number and not node.exp.is_Integer)
    if isinstance(node, sp.Mul | sp.Abs | sp.Tuple | sp.logic.boolalg.Boolean):
        return count
    return count + 1
