"""The forward program made ready for differentiation.

Enters: a program as it was written. Leaves: the same program with unnamed elementwise helpers merged into
their only user, ``log(sum(exp(x)))`` computed as one reduction, other logarithms of exponentials taken
apart, and formulas that reach across names put together; each change as a `Rewrite`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

import sympy as sp

from symdl.differentiate.duplicates import laid_out, without_duplicates
from symdl.differentiate.logarithms import Logarithms
from symdl.differentiate.names import Names
from symdl.differentiate.record import Rewrite
from symdl.express.comparisons import Compared
from symdl.express.dims import Index
from symdl.express.equations import SYMMETRIC_PART, Equation, Origin, Reduction
from symdl.express.ordering import depends_on_itself
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, is_plain, substitute

_LARGEST_MERGED = 60
"""Operations in a merged body; beyond it a helper stays, so that bodies do not grow without limit."""

STABLE = "stable form"
"""The rule of an equation with definitions put in: the whole keeps digits that its parts would lose."""


def prepare(
    program: Program, *, keep: Collection[Tensor] = (), apart: bool = False
) -> tuple[Program, tuple[Rewrite, ...]]:
    """Return the rewritten program; named tensors, outputs and those in `keep` stay.

    With `apart`, no formula is put together across a name, and logarithms stay as they were written.
    """
    fixed = {*keep, *program.outputs, *(new for _, new in program.updates)}
    program, rewrites = _shared(program, keep, fixed)
    done: dict[Tensor, Equation] = {}
    users = _users(program)
    logarithms = Logarithms(done, keep)
    loops = [{e.lhs for e in group} for group in program.groups if depends_on_itself(group)]
    names = Names(
        partial(_seen, done, keep, {t: members for members in loops for t in members}), users, fixed
    )
    for equation in program.equations:
        new = _merge(equation, done, users, fixed)
        if new is not equation:
            rewrites.append(Rewrite("substitute definition", "exact", equation, new))
        stable = _log_sum_exp(new, done)
        if stable is not new:
            rewrites.append(Rewrite("logsumexp", "algebraic", new, stable))
        separate = stable if apart else logarithms.rewrite(stable)
        if separate is not stable:
            rewrites.append(Rewrite("logarithm of exponentials", "algebraic", stable, separate))
        whole = separate if apart else names.rewrite(logarithms.shares(separate))
        if whole is not separate:
            rewrites.append(Rewrite(STABLE, "algebraic", separate, whole))
        done[new.lhs] = whole
    program = program.with_equations((*done.values(), *logarithms.made.values()))
    program, more = _shared(program, keep, fixed)  # what reads a transposed matrix is now seen to be equal
    return program, (*rewrites, *more)


def _shared(
    program: Program, keep: Collection[Tensor], fixed: Collection[Tensor]
) -> tuple[Program, list[Rewrite]]:
    """Compute once what was written twice, and what gradients that were taken one by one have in common.

    What somebody named stays in its place, and so does what costs as little as a formula of elements, unless
    a function of matrices reads it.
    """
    matrices = laid_out(program)

    def may_go(equation: Equation) -> bool:
        costly = equation.reduction is not None or equation.lhs in matrices
        written = costly and equation.lhs.name is None
        return (written or equation.lhs.role == "cotangent") and equation.lhs not in fixed

    program, rewrites = without_duplicates(program, may_go=may_go, fixed=keep)
    return program, list(rewrites)


def _users(program: Program) -> Counter[Tensor]:
    """Count the distinct accesses to each tensor over all equations."""
    return Counter(a.tensor for equation in program.equations for a in equation.accesses())


def _merge(
    equation: Equation,
    done: dict[Tensor, Equation],
    users: Counter[Tensor],
    fixed: Collection[Tensor],
) -> Equation:
    values: dict[Access, sp.Expr] = {}
    accesses = equation.body.atoms(Access)
    for access in accesses:
        source = done.get(access.tensor)
        if source is None or not is_helper(source, fixed) or users[access.tensor] != 1:
            continue
        if equation.reduction and len(accesses) > 1 and not _is_transpose(source):
            continue  # a contraction keeps its two factors
        if len(equation.indices) > len(equation.own) > 0 and not isinstance(source.body, Access):
            continue  # a matrix of a batch is written by its name
        if not _worthwhile(equation.body, access, source.body) or _in_condition(access, source, equation):
            continue
        where = dict(zip(source.indices, access.indices, strict=True))
        if not _readable(source, where):
            continue
        values[access] = substitute(source.body, dict(where))
    if not values:
        return equation
    return replace(equation, body=rebuilt(equation.body, values))


def _seen(
    done: Mapping[Tensor, Equation],
    keep: Collection[Tensor],
    loops: Mapping[Tensor, Collection[Tensor]],
    access: Access,
    reader: Equation,
) -> Equation | None:
    """Return the equation whose body an element stands for, if it may be put in its place.

    The states of a recurrence (`loops` has the members of each) are kept: a reader outside would only
    compute a step again.
    """
    source = done.get(access.tensor)
    if source is None or access.tensor in keep or source.reduction or source.guards:
        return None
    if access.tensor in loops and reader.lhs not in loops[access.tensor]:
        return None
    if source.lhs.dtype != "real" or source.origin.rule == "softmax" or _in_condition(access, source, reader):
        return None
    where = dict(zip(source.indices, access.indices, strict=True))
    return source if _readable(source, where) else None


def _in_condition(access: Access, source: Equation, equation: Equation) -> bool:
    """Say whether cases would come into a condition, which SymPy writes as conditions of other kinds."""
    if not source.body.has(sp.Piecewise):
        return False
    return any(
        access in c.atoms(Access) for c in equation.body.atoms(sp.core.relational.Relational, Compared)
    )


def _readable(source: Equation, where: Mapping[Index, sp.Expr]) -> bool:
    """Say whether positions read from data stay bare indices, whose range is checked, after a merge."""
    data = {index for index, expr in where.items() if expr.has(Access)}
    positions = [e for a in source.body.atoms(Access) for e in a.indices if e.free_symbols & data]
    return all(isinstance(e, Index) for e in positions)


def is_helper(equation: Equation, fixed: Collection[Tensor]) -> bool:
    """Say whether an equation is an unnamed elementwise one that may be merged into its users."""
    lhs = equation.lhs
    plain = equation.reduction is None and not equation.guards and lhs.dtype == "real"
    # Their derivatives are written with them.
    plain = plain and equation.origin.rule not in ("softmax", SYMMETRIC_PART)
    return plain and lhs.name is None and lhs not in fixed


def _is_transpose(equation: Equation) -> bool:
    return isinstance(equation.body, Access) and is_plain(equation.body)


def _worthwhile(body: sp.Expr, access: Access, inner: sp.Expr) -> bool:
    if isinstance(inner, Access):
        return True
    uses = sum(node == access for node in sp.preorder_traversal(body))
    operations = int(sp.count_ops(inner))
    return uses * operations <= max(5, operations) and operations + int(sp.count_ops(body)) < _LARGEST_MERGED


def _log_sum_exp(equation: Equation, done: dict[Tensor, Equation]) -> Equation:
    """Write ``log(s)`` with ``s = sum exp(f)`` as ``logsumexp f``."""
    body = equation.body
    if equation.reduction or equation.guards or not isinstance(body, sp.log):
        return equation  # outside a guard the value is 0, which no logsumexp has
    if not isinstance(body.args[0], Access):
        return equation
    access = body.args[0]
    inner = done.get(access.tensor)
    if inner is None or inner.reduction is None or inner.reduction.op != "sum" or inner.guards:
        return equation
    if not isinstance(inner.body, sp.exp) or set(inner.bound) & set(equation.indices):
        return equation
    values = dict(zip(inner.indices, access.indices, strict=True))
    return replace(
        equation,
        body=substitute(inner.body.args[0], dict(values)),
        reduction=Reduction("logsumexp", inner.reduction.axes),
        origin=Origin("logsumexp", equation.lhs),
    )
