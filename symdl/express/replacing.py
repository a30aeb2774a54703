"""The same mathematics with other tensors in it.

Enters: a tensor and what takes the place of tensors it depends on. Leaves: a tensor defined by the same
equations over the replacements; what does not depend on them, parameters above all, is shared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.doors import in_place_of, takes_tensors
from symdl.express.equations import Equation, map_guard
from symdl.express.ordering import Ordered, order
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, map_accesses


@takes_tensors
def replace(output: Tensor, parts: Mapping[Tensor, Tensor]) -> Tensor:
    """Return `output` as it is computed with other tensors: ``sd.replace(logits, {x: y})``.

    A network that was written for `x` is applied to `y`, with the same parameters: so a discriminator sees
    real and generated images, or two towers share their weights. Running statistics are shared, too.

    Args:
        output: what is to be computed.
        parts: for a tensor that `output` depends on (an input, a parameter, an intermediate) another one of
            the same shape and dtype.

    Raises:
        ShapeError: a tensor and its replacement have different shapes.
        ExpressionError: their dtypes differ, or `output` does not depend on one of them.

    Example:
        >>> x, y = sd.tensor("x", (3,)), sd.tensor("y", (3,))
        >>> print(sd.formula(sd.replace(sd.sin(x), {x: y})))
        sin(y)
    """
    if not all(isinstance(old, Tensor) for old in parts):
        raise ExpressionError("only tensors can be replaced", cure="pass {tensor: what takes its place}")
    parts = {old: in_place_of(old, other, f"what replaces {old}") for old, other in parts.items()}
    for old, other in parts.items():
        if old.shape != other.shape:
            raise ShapeError(
                f"{other} cannot take the place of {old}",
                shapes={str(old.name): old.shape, str(other.name or "replacement"): other.shape},
                cure="replace a tensor by one of the same shape, with the same symbolic sizes",
            )
        if old.dtype != other.dtype:
            raise ExpressionError(f"{other} holds {other.dtype}, but {old} holds {old.dtype}")
    found = in_every_mode([output], parts)
    check_read(parts, found, output)
    new = dict(parts)
    affected = affected_by(parts, found.equations)
    for group in Program(found.inputs, found.equations, (), recurrences=found.recurrences).groups:
        if any(e.lhs in affected for e in group):
            renew(group, new)
    for old in affected:
        if old.modes is not None:
            updates = tuple((state, new.get(value, value)) for state, value in old.modes.updates)
            still = new.get(old.modes.inference, old.modes.inference)
            new[old].modes = dataclasses.replace(old.modes, updates=updates, inference=still)
    return new[output].derived(output) if output in new else output


def check_read(given: Iterable[Tensor], found: Ordered, output: Tensor) -> None:
    """Refuse what is given in place of a tensor that nothing reads.

    Raises:
        ExpressionError: naming it.
    """
    known = {*found.inputs, *(e.lhs for e in found.equations)}
    strangers = [t for t in given if t not in known]
    if strangers:
        raise ExpressionError(f"{output} does not depend on {strangers[0]}", cure="leave it out")


def renew(group: Sequence[Equation], new: dict[Tensor, Tensor]) -> tuple[Equation, ...]:
    """Define tensors anew by the equations of `group` with the tensors in `new`, to which they are added."""
    for equation in group:
        old = equation.lhs
        of = old.of if old.of is None else new.get(old.of, old.of)
        new[old] = Tensor(old.name, old.shape, dtype=old.dtype, role=old.role, of=of, below=old.below)
    made = tuple(replaced(equation, new) for equation in group)
    for equation in made:
        equation.lhs.attach(equation)
    return made


def replaced(equation: Equation, new: Mapping[Tensor, Tensor]) -> Equation:
    """Return the equation with other tensors on both sides."""

    def change(expr: sp.Expr) -> sp.Expr:
        return map_accesses(
            expr, lambda a: Access(new.get(a.tensor, a.tensor), *(change(e) for e in a.indices))
        )

    guards = tuple(map_guard(guard, change) for guard in equation.guards)
    lhs = new.get(equation.lhs, equation.lhs)
    return dataclasses.replace(equation, lhs=lhs, body=change(equation.body), guards=guards)


def in_every_mode(outputs: Sequence[Tensor], given: Collection[Tensor]) -> Ordered:
    """Return the equations of `outputs` and of everything that their tensors are in another mode.

    What is `given` is not looked into.
    """
    wanted = list(outputs)
    while True:
        found = order(wanted, lambda t: None if t in given else t.equation)
        others = [
            tensor
            for e in found.equations
            if e.lhs.modes is not None
            for tensor in (e.lhs.modes.inference, *(value for _, value in e.lhs.modes.updates))
        ]
        missing = [tensor for tensor in dict.fromkeys(others) if tensor not in wanted]
        if not missing:
            return found
        wanted += missing


def affected_by(changed: Iterable[Tensor], equations: Sequence[Equation]) -> set[Tensor]:
    """Return the other tensors whose value changes with those of `changed`, in any mode."""
    start = set(changed)
    affected, before = set(start), -1
    while len(affected) != before:
        before = len(affected)
        for equation in equations:
            modes = equation.lhs.modes
            others = () if modes is None else (modes.inference, *(value for _, value in modes.updates))
            if any(t in affected for t in (*equation.reads(), *others)):
                affected.add(equation.lhs)
    return affected - start
