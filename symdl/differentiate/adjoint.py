"""Reverse mode: the one adjoint rule.

Enters: a rank-0 tensor and the tensors to differentiate with respect to. Leaves: a `Derivative`, a program of
equations in the same language, and its record.

For ``T[i] = op_r f(A[e(i, r)], ...)`` every access to A adds to its cotangent

    A_bar[p] += sum over the (i, r) with e(i, r) = p of  T_bar[i] * w

with ``w = df/dA`` for a plain equation and a sum, ``w = df/dA * exp(f - T[i])`` for logsumexp,
``df/dA`` times the product of the other factors for prod, times an entry of the inverse or two for a
determinant or an inverse, and for max the same sum restricted to the
position of the maximum, which an argmax equation names.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.cleanup import clean, factored
from symdl.differentiate.guards import Positions, checked_positions, settle, substitute_guard
from symdl.differentiate.limits import Limits, times
from symdl.differentiate.local import local_derivative
from symdl.differentiate.prepare import prepare
from symdl.differentiate.record import Contribution, Derivative, Record
from symdl.differentiate.reductions import Reductions, Weighted
from symdl.differentiate.reuse import given_elements, reuse_output
from symdl.differentiate.solve import Solution, solve, with_indices
from symdl.errors import DerivativeError
from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, Guard, Origin, check, reads_data
from symdl.express.operators import axis_indices
from symdl.express.ordering import depending, depends_on_itself, needed, real_reads
from symdl.express.program import Fact, Program, collect
from symdl.express.tensors import Access, Tensor, substitute


def differentiate(
    output: Tensor,
    wrt: Sequence[Tensor],
    *,
    facts: Sequence[Fact] = (),
    apart: bool = False,
    exact: bool = False,
) -> Derivative:
    """Differentiate a rank-0 tensor.

    Args:
        output: the loss, shape ``()``.
        wrt: the tensors to differentiate with respect to: parameters, inputs or intermediates.
        facts: declared knowledge that clean-up may use.
        exact: derivatives of given elements keep all their digits: they are not written with values, such as
            ``a*(1 - a)`` for a sigmoid, which is 0 where `a` is rounded to 1. Those of layers are, always.
        apart: go along every name, as a reader does, also where the numbers would overflow.

    Raises:
        DerivativeError: the output is no scalar, or does not depend on one of `wrt`; `wrt` is empty or
            holds a tensor of integers.
    """
    if output.rank:
        raise DerivativeError(
            f"the gradient of {output} is not defined: it is no scalar",
            shapes={str(output.name): output.shape},
            cure="reduce it to a scalar first (a loss L(y), or a sum), or ask for its Jacobian",
        )
    check_variables(wrt)
    written = collect([output], facts=facts)
    program, rewrites = prepare(written, keep=wrt, apart=apart)
    kept = given_elements(program) if exact else frozenset()
    sweep = Sweep(written, program, output, tuple(wrt), kept)
    sweep.run()
    wanted = [output, *(sweep.cotangents[t] for t in wrt)]
    raw = Program(
        program.inputs, (*program.equations, *sweep.equations), tuple(wanted), tuple(facts)
    ).with_equations((*program.equations, *sweep.equations))
    cleaned, more = clean(raw, frozenset(e.lhs for e in program.equations), kept)
    attached(cleaned)
    record = Record(tuple(sweep.contributions), (*rewrites, *more))
    return Derivative(cleaned, output, sweep.cotangents, tuple(wrt), record)


def attached(program: Program) -> Program:
    """Let tensors that have no definition of their own be defined by their equations; return the program."""
    for equation in program.equations:
        if equation.lhs.equation is None:
            equation.lhs.attach(equation)
    return program


@dataclass(slots=True)
class Sweep:
    """One reverse sweep over a program; `cotangents`, `equations` and `contributions` are its result."""

    written: Program  # before it was prepared
    program: Program
    output: Tensor
    wrt: tuple[Tensor, ...]
    exact: frozenset[Tensor]  # all digits of their derivatives are kept
    cotangents: dict[Tensor, Tensor] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    contributions: list[Contribution] = field(default_factory=list)
    _reached: set[Tensor] = field(default_factory=set)
    _limits: Limits = field(init=False)
    _positions: Positions = frozenset()
    _terms: dict[Tensor, list[Equation]] = field(default_factory=dict)
    _reductions: Reductions = field(init=False)

    def run(self) -> None:
        self._reductions = Reductions(self.equations, self.program.equations)
        self._positions = checked_positions(self.program)
        self._limits = Limits(self.program, [self.output])
        active = self._active()
        seed = Tensor(None, (), role="cotangent", of=self.output)
        self.cotangents[self.output] = seed
        self.equations.append(Equation(seed, (), sp.Integer(1), origin=Origin("seed", self.output)))
        for group in reversed(self.program.groups):
            members = [e for e in group if e.lhs in active]
            if depends_on_itself(group):
                self._differentiate_recurrence(members, active)
            elif members:
                self._differentiate_equation(members[0], active)
        for tensor in self.wrt:
            if tensor not in self.cotangents and not self._finish(tensor):
                self._zero(tensor)

    def _differentiate_equation(self, equation: Equation, active: set[Tensor]) -> None:
        if equation.lhs is not self.output and equation.lhs not in self._reached:
            return
        accesses = [a for a in equation.body.atoms(Access) if a.tensor in active]
        self._reached.update(a.tensor for a in accesses)
        if equation.lhs is not self.output and not self._finish(equation.lhs):
            return  # its derivative is zero
        for access in sorted(accesses, key=lambda a: a.sort_key()):
            self._differentiate_access(equation, access)

    def _differentiate_recurrence(self, members: list[Equation], active: set[Tensor]) -> None:
        """Members use each other, so their cotangents get names before any of them is made."""
        if not any(e.lhs in self._terms for e in members):
            return
        for equation in members:
            bar = Tensor(None, equation.lhs.shape, role="cotangent", of=equation.lhs)
            self.cotangents[equation.lhs] = bar
        for equation in reversed(members):
            accesses = [a for a in equation.body.atoms(Access) if a.tensor in active]
            self._reached.update(a.tensor for a in accesses)
            for access in sorted(accesses, key=lambda a: a.sort_key()):
                self._differentiate_access(equation, access)
        for equation in reversed(members):
            if not self._finish(equation.lhs, self.cotangents[equation.lhs]):
                self._zero(equation.lhs)

    def _zero(self, tensor: Tensor) -> None:
        """Make the gradient of a tensor that the output depends on without ever changing with it.

        Raises:
            DerivativeError: the output does not depend on it at all.
        """
        if tensor not in self._reached and tensor not in needed(
            self.written.groups, [self.output], real_reads
        ):
            raise no_path([self.output], [tensor], self.written)
        names = _names_of(tensor) or axis_indices(tensor.rank)
        zero = self.cotangents.get(tensor) or Tensor(None, tensor.shape, role="cotangent", of=tensor)
        self.cotangents[tensor] = zero
        self.equations.append(Equation(zero, names, sp.Integer(0), origin=Origin("no change", tensor)))

    def _active(self) -> set[Tensor]:
        """The tensors on a path from one of `wrt` to the output."""
        return depending(self.program.groups, self.wrt, real_reads)

    def _differentiate_access(self, equation: Equation, access: Access) -> None:
        local = local_derivative(equation.body, access)
        if local == 0:
            return
        for use in self._reductions.weighted(equation, local):
            self._add_term(use, access, local)

    def _add_term(self, use: Weighted, access: Access, local: sp.Expr) -> None:
        """Add what one use of a tensor contributes to its cotangent."""
        equation, weight = use.equation, use.weight
        if equation.reduction is None:
            exact = equation.lhs in self.exact
            weight = reuse_output(equation.body, equation.target, weight, exact=exact)
        bar = self.cotangents[equation.lhs].at(*equation.indices)
        solution = solve(equation, access, _names_of(access.tensor))
        support = self._limits.of(equation, weight)
        self._limits.pass_on(equation, access, weight, solution)
        weight = support.applied(weight)
        limited = support.cases is not True or equation.lhs in self._limits.infinite
        body = times(weight, bar) if limited else bar * weight
        guards = (*equation.guards, *use.guards, *support.guards)
        term = _term(solution, body, guards, self._positions)
        if term is None:
            return
        rule = equation.origin.rule.removesuffix(" rule") + " rule"
        helper = Tensor(None, access.tensor.shape, role="cotangent", of=access.tensor)
        term = replace(term, lhs=helper, origin=Origin(rule, access.tensor))
        self._terms.setdefault(access.tensor, []).append(term)
        contribution = Contribution(access.tensor, equation, access, local, weight, term, support.guards)
        self.contributions.append(contribution)

    def _finish(self, tensor: Tensor, bar: Tensor | None = None) -> bool:
        """Make the cotangent of a tensor (`bar`, if it has a name already); False if it has no terms."""
        terms = self._terms.pop(tensor, [])
        if not terms:
            return False
        if len(terms) == 1:
            result = terms[0]
        else:
            result = self._added(tensor, terms)
        result = replace(result, lhs=bar or result.lhs)
        self.equations.append(check(result))
        self.cotangents[tensor] = result.lhs
        return True

    def _added(self, tensor: Tensor, terms: list[Equation]) -> Equation:
        """Add the terms up. Those under the same guards are one term; a sum stays a tensor of its own."""
        names = _names_of(tensor) or terms[0].indices
        named = [with_indices(term, names) for term in terms]
        alike: dict[frozenset[Guard], list[Equation]] = {}
        for term in named:
            if term.reduction is None:
                alike.setdefault(frozenset(term.guards), []).append(term)
        joined = [replace(same[0], body=factored(sp.Add(*(t.body for t in same)))) for same in alike.values()]
        parts = [*joined, *(term for term in named if term.reduction)]
        lhs, origin = Tensor(None, tensor.shape, role="cotangent", of=tensor), Origin("sum over uses", tensor)
        if len(parts) == 1:
            return replace(parts[0], lhs=lhs, origin=origin)
        bodies: list[sp.Expr] = []
        for part in parts:
            inline = None if part.reduction else _as_body(part)
            if inline is None:
                helper = Tensor(None, tensor.shape, role="intermediate", of=tensor)
                self.equations.append(check(replace(part, lhs=helper)))
                inline = helper.at(*names)
            bodies.append(inline)
        return Equation(lhs, names, factored(sp.Add(*bodies)), origin=origin)


def check_variables(tensors: Collection[Tensor]) -> None:
    """Raise `DerivativeError` unless there is something to differentiate with respect to."""
    if not tensors:
        raise DerivativeError("nothing to differentiate with respect to", cure="name at least one tensor")
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise DerivativeError(
                f"{tensor!r} is no tensor",
                cure="pass the tensor itself; sd.parameters lists parameters",
            )
        if tensor.dtype != "real":
            raise DerivativeError(
                f"{tensor} holds integers, with respect to which nothing can be differentiated",
                cure="differentiate with respect to tensors of dtype 'real'",
            )


def no_path(outputs: Sequence[Tensor], wrt: Sequence[Tensor], program: Program) -> DerivativeError:
    """Return the error for an output that does not depend on any of `wrt` through real numbers."""
    found = depending(program.groups, wrt)
    used = (e for e in program.equations if not found.isdisjoint(e.reads()))
    through = next((e for e in used if found.isdisjoint(real_reads(e))), None)
    of, by = ", ".join(map(str, outputs)), ", ".join(map(str, wrt))
    if through is not None and not found.isdisjoint(outputs):
        return DerivativeError(
            f"{of} depends on {by} only through integers, which have no derivative",
            expression=through,
            cure="reach it through real numbers, such as a softmax in place of an argmax",
        )
    return DerivativeError(f"{of} does not depend on {by}", cure="leave it out, or use it in the loss")


def _names_of(tensor: Tensor) -> tuple[Index, ...] | None:
    return tensor.equation.indices if tensor.equation is not None else None


def _term(
    solution: Solution, body: sp.Expr, guards: Sequence[Guard], positions: Positions
) -> Equation | None:
    """Assemble one term of a cotangent, or None if its guards never hold."""
    change = dict(solution.values)
    kept = (*(substitute_guard(g, change) for g in guards), *solution.guards)
    settled = settle(substitute(body, dict(change)), kept, solution.free, solution.extents, positions)
    if settled is None:
        return None
    lhs = Tensor(None, [solution.extents[t] for t in solution.targets], role="cotangent")
    return Equation(lhs, solution.targets, settled.body, settled.reduction, settled.guards)


def _as_body(equation: Equation) -> sp.Expr | None:
    """Return a guarded equation without a reduction as one expression, or None if that is not safe.

    A guard can become a condition only if no access needs it to stay in range; affine guards stay guards.
    """
    if not equation.guards:
        return equation.body
    if not all(isinstance(g, Equal) and reads_data(g) for g in equation.guards):
        return None
    condition = sp.And(*(sp.Eq(g.left, g.right) for g in equation.guards if isinstance(g, Equal)))
    if equation.body.atoms(Access):
        return sp.Piecewise((equation.body, condition), (0, True))
    return equation.body * sp.Piecewise((1, condition), (0, True))
