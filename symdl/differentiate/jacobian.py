"""Jacobians and Hessians.

Enters: a tensor of any shape, and another one. Leaves: the derivative with respect to it, defined by
equations in the same language.

The adjoint rule is applied once, to ``sum_i s[i] y[i]`` with a seed ``s``. Every derived equation is linear
in what depends on the seed; written for all seeds at once, ``s[i]`` becomes Kronecker's δ of ``i`` and a new
index, and the sums over it are contracted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.cleanup import clean
from symdl.differentiate.guards import settle
from symdl.differentiate.indexforms import fresh_index
from symdl.errors import DerivativeError
from symdl.express.dims import Index
from symdl.express.doors import takes_tensors
from symdl.express.equations import Equal, Equation, Guard, Origin, check
from symdl.express.operators import axis_indices
from symdl.express.ordering import depending, real_reads
from symdl.express.program import Fact, Program, collect
from symdl.express.surface import Sum, define
from symdl.express.tensors import Access, Tensor, map_accesses


@takes_tensors
def jacobian(y: Tensor, x: Tensor, *, facts: Sequence[Fact] = ()) -> Tensor:
    """Return the derivative of every element of `y` with respect to every element of `x`.

    Args:
        y: real, of any shape.
        x: what to differentiate with respect to.
        facts: declared knowledge that clean-up may use.

    Returns:
        A tensor of shape ``y.shape + x.shape``; for a scalar `y` the gradient.

    Raises:
        DerivativeError: `y` holds integers, or does not depend on `x`.
    """
    if y.dtype != "real":
        raise DerivativeError(f"{y} holds integers, which have no derivative")
    names = {str(t.name) for t in collect([y]).inputs}
    seed = Tensor(_unused("seed", names), y.shape)
    where = y.equation.indices if y.equation is not None else axis_indices(y.rank)
    pairs = list(zip(where, y.shape, strict=True))
    total = seed.at(*where) * y.at(*where)
    loss = define(None, (), Sum(total, *pairs) if pairs else total)
    derivative = differentiate(loss, [x], facts=facts)
    return _for_all_seeds(derivative.program, derivative.gradient(x), seed).derived(y)


@takes_tensors
def hessian(loss: Tensor, x: Tensor, y: Tensor | None = None, *, facts: Sequence[Fact] = ()) -> Tensor:
    """Return the second derivatives of a scalar.

    Args:
        loss: a rank-0 tensor.
        x: the tensor to differentiate with respect to first.
        y: the tensor to differentiate with respect to then; `x` by default.
        facts: declared knowledge that clean-up may use.

    Returns:
        A tensor of shape ``x.shape + y.shape``.

    Raises:
        DerivativeError: `loss` has axes, or does not depend on `x` or `y`.
    """
    second = x if y is None else y
    derivative = differentiate(loss, [x] if second is x else [x, second], facts=facts)
    gradient = derivative.gradient(x).derived(loss)
    if gradient in depending(collect([gradient]).groups, [second], real_reads):
        return jacobian(gradient, second, facts=facts)
    # The loss depends on it, its gradient does not: it is linear in it, and the Hessian is zero.
    shape = (*x.shape, *second.shape)
    zero = Tensor(None, shape, role="cotangent", of=gradient)
    zero.attach(Equation(zero, axis_indices(len(shape)), sp.Integer(0), origin=Origin("no change", gradient)))
    return zero.derived(loss)


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _for_all_seeds(program: Program, gradient: Tensor, seed: Tensor) -> Tensor:
    """Write the equations that depend on the seed for every unit seed at once."""
    seeded = depending(program.groups, [seed])
    derived = [e for e in program.equations if e.lhs in program.outputs[1:] or e.lhs not in program.outputs]
    equations = [e for e in derived if e.lhs in seeded]  # without the sum over the seeded elements itself
    given = [e for e in derived if e.lhs not in seeded]
    new = {e.lhs: Tensor(None, (*seed.shape, *e.lhs.shape), role=e.lhs.role, of=e.lhs.of) for e in equations}
    if gradient not in new:
        zero = Tensor(None, (*seed.shape, *gradient.shape), role="cotangent", of=gradient.of)
        where = axis_indices(zero.rank)
        return zero.attach(Equation(zero, where, sp.Integer(0), origin=Origin("no change", gradient.of)))
    written = [_written(e, seed, new) for e in equations]
    inputs = tuple(t for t in program.inputs if t is not seed)
    raw = Program(inputs, (), (new[gradient],), program.facts).with_equations([*given, *written])
    cleaned, _ = clean(raw, frozenset(e.lhs for e in given))
    for equation in cleaned.equations:
        if equation.lhs.equation is None:
            equation.lhs.attach(equation)
    return new[gradient]


def _written(equation: Equation, seed: Tensor, new: Mapping[Tensor, Tensor]) -> Equation:
    """Return an equation with the axes of the seed in front, and δ where it reads the seed."""
    outer = _outer_indices(equation, seed)
    guards: tuple[Guard, ...] = equation.guards
    body = equation.body
    for factor in sp.Mul.make_args(body):
        if isinstance(factor, Access) and factor.tensor is seed:
            guards += tuple(map(Equal, factor.indices, outer))
            body = body / factor

    def change(access: Access) -> sp.Expr:
        if access.tensor is seed:
            same = sp.And(*map(sp.Eq, access.indices, outer))
            return sp.Piecewise((1, same), (0, True))
        tensor = new.get(access.tensor)
        return access if tensor is None else Access(tensor, *outer, *access.indices)

    body = map_accesses(body, change)
    lhs, indices = new[equation.lhs], (*outer, *equation.indices)
    extents = {**dict(zip(outer, seed.shape, strict=True)), **equation.extents}
    if equation.reduction is not None and equation.reduction.op != "sum":
        raise DerivativeError("a derived equation is not linear in its seed", expression=equation)
    settled = settle(body, guards, equation.bound, extents, frozenset())
    if settled is None:
        return Equation(lhs, indices, sp.Integer(0), origin=equation.origin)
    return check(
        replace(
            equation,
            lhs=lhs,
            indices=indices,
            body=settled.body,
            reduction=settled.reduction,
            guards=settled.guards,
        )
    )


def _outer_indices(equation: Equation, seed: Tensor) -> tuple[Index, ...]:
    """Return new index variables for the axes of the seed, named as the seeded tensor's where possible."""
    taken = set(equation.extents)
    found: list[Index] = []
    for name in axis_indices(seed.rank):
        index = fresh_index(taken, name)
        taken.add(index)
        found.append(index)
    return tuple(found)
