"""Jacobians and Hessians.

Enters: a tensor of any shape, and another one. Leaves: the derivative with respect to it, defined by
equations in the same language.

The adjoint rule is applied once, to ``sum_i s[i] y[i]`` with a seed ``s``. Every derived equation is linear
in what depends on the seed; written for all seeds at once, ``s[i]`` becomes Kronecker's δ of ``i`` and a new
index, and the sums over it are contracted.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdl.differentiate.adjoint import attached, differentiate
from symdl.differentiate.cleanup import clean
from symdl.differentiate.prepare import prepare
from symdl.differentiate.seeds import for_all_seeds, outer_indices, unused_name
from symdl.errors import DerivativeError
from symdl.express.dims import Extent
from symdl.express.doors import takes_tensors
from symdl.express.equations import Equation, Origin
from symdl.express.operators import axis_indices
from symdl.express.ordering import depending, real_reads
from symdl.express.program import Fact, Program, collect
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor


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

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.jacobian(sd.sin(x), x).shape
        (3, 3)
    """
    if y.dtype != "real":
        raise DerivativeError(f"{y} holds integers, which have no derivative")
    names = {str(t.name) for t in collect([y]).inputs}
    seed = Tensor(unused_name("seed", names), y.shape)
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

    Example:
        >>> X, w = sd.tensor("X", (sd.Dim("n"), 3)), sd.tensor("w", (3,))
        >>> print(sd.formula(sd.hessian(((X @ w)**2).sum(), w)))
        2·Xᵀ X
    """
    second = x if y is None else y
    derivative = differentiate(loss, [x] if second is x else [x, second], facts=facts)
    gradient = derivative.gradient(x).derived(loss)
    if gradient in depending(collect([gradient]).groups, [second], real_reads):
        return jacobian(gradient, second, facts=facts)
    # The loss depends on it, its gradient does not: it is linear in it, and the Hessian is zero.
    return _zero((*x.shape, *second.shape), gradient).derived(loss)


def jacobians(outputs: Sequence[Tensor], wrt: Sequence[Tensor], *, facts: Sequence[Fact] = ()) -> Program:
    """Differentiate several tensors of any shapes.

    Args:
        outputs: the tensors.
        wrt: inputs; an output that is not computed from one of them has zeros as its Jacobian.
        facts: declared knowledge that clean-up may use.

    Returns:
        A program with the outputs `outputs`, then their Jacobians with respect to the first of `wrt`, of
        shape ``output.shape + wrt[0].shape``, and so on.

    Raises:
        DerivativeError: an output holds integers, or depends on one of `wrt` through integers only.
    """
    rows = [_row(output, wrt, facts) for output in outputs]
    columns = [row[x] for x in wrt for row in rows]
    return prepare(collect([*outputs, *columns], facts=facts))[0]


def _row(y: Tensor, wrt: Sequence[Tensor], facts: Sequence[Fact]) -> dict[Tensor, Tensor]:
    """Return the derivatives of one tensor; those of a scalar are found in one sweep."""
    read = set(collect([y]).inputs)
    met = [x for x in wrt if x in read]
    found = {x: _zero((*y.shape, *x.shape), x) for x in wrt if x not in read}
    if y.rank or y.dtype != "real" or not met:
        return found | {x: jacobian(y, x, facts=facts) for x in met}
    derivative = differentiate(y, met, facts=facts, exact=True)
    return found | {x: derivative.gradient(x).derived(y) for x in met}


def _zero(shape: Sequence[Extent], of: Tensor) -> Tensor:
    """Return the derivative, of this shape, of what does not change."""
    zero = Tensor(None, shape, role="cotangent", of=of)
    return zero.attach(
        Equation(zero, axis_indices(len(shape)), sp.Integer(0), origin=Origin("no change", of))
    )


def _for_all_seeds(program: Program, gradient: Tensor, seed: Tensor) -> Tensor:
    """Write the equations that depend on the seed for every unit seed at once."""
    seeded = depending(program.groups, [seed])
    derived = [e for e in program.equations if e.lhs in program.outputs[1:] or e.lhs not in program.outputs]
    equations = [e for e in derived if e.lhs in seeded]  # without the sum over the seeded elements itself
    given = [e for e in derived if e.lhs not in seeded]
    new = {e.lhs: Tensor(None, (*seed.shape, *e.lhs.shape), role=e.lhs.role, of=e.lhs.of) for e in equations}
    if gradient not in new:
        return _zero((*seed.shape, *gradient.shape), gradient.of or gradient)
    written = [for_all_seeds(e, seed, new, outer_indices(e, seed)) for e in equations]
    inputs = tuple(t for t in program.inputs if t is not seed)
    raw = Program(inputs, (), (new[gradient],), program.facts).with_equations([*given, *written])
    cleaned, _ = clean(raw, frozenset(e.lhs for e in given))
    attached(cleaned)
    return new[gradient]
