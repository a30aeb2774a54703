"""Forward mode: the tangent rule.

Enters: tensors, and a direction for each tensor that moves. Leaves: the directional derivatives as tensors
defined by equations in the same language.

For ``T[i] = op_r f(A[e], ...)`` the tangent is ``T_dot[i] = sum_r sum_A w * A_dot[e]`` with the weights of
the adjoint rule; no indices need solving. Each term is an equation of its own, so products stay two-factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, overload

import sympy as sp

from symdl.differentiate.adjoint import attached, check_variables, differentiate, no_path
from symdl.differentiate.cleanup import clean, factored
from symdl.differentiate.guards import Positions, checked_positions, settle
from symdl.differentiate.limits import times
from symdl.differentiate.local import local_derivative
from symdl.differentiate.prepare import prepare
from symdl.differentiate.reductions import Reductions
from symdl.differentiate.reuse import reuse_output
from symdl.errors import DerivativeError
from symdl.express.doors import as_tensor, in_place_of, takes_tensors
from symdl.express.equations import Equation, Origin, check
from symdl.express.operators import axis_indices
from symdl.express.ordering import depending, depends_on_itself, real_reads
from symdl.express.program import Program, collect
from symdl.express.tensors import Access, Tensor

Directions: TypeAlias = Tensor | Sequence[Tensor] | Mapping[Tensor, Tensor]


@overload
def jvp(outputs: Tensor, tangents: Mapping[Tensor, Tensor]) -> Tensor: ...
@overload
def jvp(outputs: Sequence[Tensor], tangents: Mapping[Tensor, Tensor]) -> tuple[Tensor, ...]: ...
def jvp(outputs: Tensor | Sequence[Tensor], tangents: Mapping[Tensor, Tensor]) -> Tensor | tuple[Tensor, ...]:
    """Return the directional derivative of each output.

    Args:
        outputs: one tensor of any shape, or several.
        tangents: for each tensor that moves, its direction, of the same shape: ``jvp(y, {x: v})``.

    Returns:
        For each output its tangent, of the same shape.

    Raises:
        DerivativeError: a direction has another shape, or an output does not depend on what moves.

    Example:
        >>> x, v = sd.tensor("x", (3,)), sd.tensor("v", (3,))
        >>> print(sd.formula(sd.jvp(sd.sin(x), {x: v})))
        v ⊙ cos(x)
    """
    if not isinstance(tangents, Mapping):
        raise DerivativeError(
            f"the directions are {tangents!r}", cure="pass what moves with its direction: {x: v}"
        )
    tangents = _let_in(tangents)
    if not isinstance(outputs, list | tuple):
        return jvp([as_tensor(outputs, "jvp: outputs")], tangents)[0]
    outputs = [as_tensor(output, "jvp: outputs") for output in outputs]
    # A direction may drop out of a tangent, of one that is 0 at least; it is still an argument.
    return tuple(t.derived(*outputs, *tangents.values()) for t in _jvp(outputs, tangents, constant=False))


def _let_in(directions: Mapping[Tensor, Any]) -> Mapping[Tensor, Tensor]:
    check_variables(directions)
    return {t: in_place_of(t, direction, f"the direction of {t}") for t, direction in directions.items()}


def _jvp(
    outputs: Sequence[Tensor], tangents: Mapping[Tensor, Tensor], *, constant: bool
) -> tuple[Tensor, ...]:
    """The tangents; that of an output which depends on nothing that moves is zero if `constant` allows it."""
    for tensor, direction in tangents.items():
        if tensor.shape != direction.shape:
            raise DerivativeError(
                f"the direction of {tensor} has another shape",
                shapes={str(tensor.name): tensor.shape, str(direction.name): direction.shape},
            )
    program, _ = prepare(collect(outputs), keep=list(tangents))
    moving, equations = tangents_of(program, tangents)
    reached = depending(program.groups, tangents, real_reads)
    for output in outputs:
        if output in moving:
            continue
        if output not in reached and not constant:
            raise no_path([output], list(tangents), program)
        moving[output] = _still(output, equations, _named(output))
    wanted = tuple(moving[output] for output in outputs)
    givens = collect([*outputs, *tangents.values()])
    every = (*givens.equations, *program.equations, *equations)
    raw = Program(givens.inputs, (), wanted).with_equations(every)
    cleaned, _ = clean(raw, frozenset(e.lhs for e in (*givens.equations, *program.equations)))
    attached(cleaned)
    return wanted


def tangents_of(
    program: Program, directions: Mapping[Tensor, Tensor]
) -> tuple[dict[Tensor, Tensor], list[Equation]]:
    """Return the tangent of every tensor that moves, and their equations in order, as the rule leaves them.

    Args:
        program: prepared for differentiation.
        directions: the tangents of what moves by itself.
    """
    positions = checked_positions(program)
    moving = dict(directions)
    reached = depending(program.groups, directions, real_reads)
    equations: list[Equation] = []
    reductions = Reductions(equations, ())
    for group in program.groups:
        todo = [e for e in group if e.lhs in reached and e.lhs not in moving]
        if depends_on_itself(group):
            # Members use each other, so their tangents get names before any of them is made.
            moving.update({e.lhs: _named(e.lhs) for e in todo})
        for equation in todo:
            new = _tangent(equation, moving, equations, positions, reductions)
            if new is not None:
                moving[equation.lhs] = new
            elif equation.lhs in moving:
                _still(equation.lhs, equations, moving[equation.lhs])
    return moving, equations


def _named(tensor: Tensor) -> Tensor:
    return Tensor(None, tensor.shape, role="tangent", of=tensor)


def _still(output: Tensor, equations: list[Equation], zero: Tensor) -> Tensor:
    """Append and return the zero tangent of a tensor that depends on what moves but never changes."""
    origin = Origin("no change", output)
    equations.append(Equation(zero, axis_indices(output.rank), sp.Integer(0), origin=origin))
    return zero


def _tangent(
    equation: Equation,
    moving: Mapping[Tensor, Tensor],
    equations: list[Equation],
    positions: Positions,
    reductions: Reductions,
) -> Tensor | None:
    """Append the equations of one tangent and return it, None if nothing that it reads moves."""
    terms: list[Equation] = []
    lhs = moving.get(equation.lhs) or _named(equation.lhs)
    origin = Origin("tangent rule", equation.lhs)
    for access in sorted(equation.body.atoms(Access), key=lambda a: a.sort_key()):
        if access.tensor not in moving:
            continue
        for use in reductions.weighted(equation, local_derivative(equation.body, access)):
            weight, wide = use.weight, use.equation
            if equation.reduction is None:
                weight = reuse_output(equation.body, equation.target, weight)
            body = times(weight, moving[access.tensor].at(*access.indices))
            guards = (*wide.guards, *use.guards)
            settled = None if body == 0 else settle(body, guards, wide.bound, wide.extents, positions)
            if settled is None:
                continue
            helper = Tensor(None, equation.lhs.shape, role="intermediate", of=equation.lhs)
            where = equation.indices
            terms.append(Equation(helper, where, settled.body, settled.reduction, settled.guards, origin))
    if not terms:
        return None
    if len(terms) == 1:
        total = replace(terms[0], lhs=lhs)
    elif all(t.reduction is None and not t.guards for t in terms):
        body = factored(sp.Add(*(t.body for t in terms)))
        total = Equation(lhs, equation.indices, body, origin=origin)
    else:
        equations.extend(map(check, terms))
        body = sp.Add(*(t.target for t in terms))
        total = Equation(lhs, equation.indices, body, origin=origin)
    equations.append(check(total))
    return lhs


@overload
def hvp(output: Tensor, wrt: Tensor, directions: Directions) -> Tensor: ...
@overload
def hvp(output: Tensor, wrt: Sequence[Tensor], directions: Directions) -> tuple[Tensor, ...]: ...
@takes_tensors
def hvp(
    output: Tensor, wrt: Tensor | Sequence[Tensor], directions: Directions
) -> Tensor | tuple[Tensor, ...]:
    """Return the Hessian of `output` with respect to `wrt`, times a vector: forward mode over reverse mode.

    Args:
        output: a rank-0 tensor.
        wrt: the tensor to differentiate with respect to, or several.
        directions: the vector's part for each of `wrt`, of the same shape: a tensor for one, a sequence for
            several, or a mapping from the tensors that move.

    Returns:
        For each of `wrt` a tensor of its shape.

    Raises:
        DerivativeError: `output` has axes or does not depend on `wrt`, or the directions do not fit.

    Example:
        >>> X, w, v = sd.tensor("X", (5, 3)), sd.tensor("w", (3,)), sd.tensor("v", (3,))
        >>> print(sd.formula(sd.hvp(((X @ w)**2).sum(), w, v)))
        2·Xᵀ X v
    """
    several = [wrt] if isinstance(wrt, Tensor) else list(wrt)
    along = _paired(several, directions, single=isinstance(wrt, Tensor))
    derivative = differentiate(output, several)
    gradients = [derivative.gradient(tensor) for tensor in several]
    products = _jvp(gradients, along, constant=True)  # a loss that is linear bends nowhere
    products = tuple(product.derived(output, *along.values()) for product in products)
    return products[0] if isinstance(wrt, Tensor) else products


def _paired(wrt: Sequence[Tensor], directions: Any, *, single: bool) -> Mapping[Tensor, Tensor]:
    if isinstance(directions, Mapping):
        return _let_in(directions)
    several = isinstance(directions, list | tuple) and not (
        single and not any(isinstance(part, Tensor) for part in directions)  # one direction as nested lists
    )
    parts: list[Any] = list(directions) if several else [directions]
    if len(parts) != len(wrt):
        raise DerivativeError(
            f"{len(parts)} directions for {len(wrt)} tensors", cure="pass one direction for each tensor"
        )
    return _let_in(dict(zip(wrt, parts, strict=True)))
