"""What the differentiator writes down as it works.

Enters: the facts of each step. Leaves: `Record`, from which a derivation is typeset; every equation in it
can be evaluated, so a test can check every line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import sympy as sp

from symdl.express.equations import Equation, Guard
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """One use of a tensor, differentiated: the term that forward equation `via` adds to a cotangent.

    Attributes:
        tensor: whose cotangent receives the term.
        via: the forward equation that reads it.
        access: the access in `via` that is differentiated.
        local: the scalar derivative of the body of `via` with respect to that access.
        weight: what multiplies the cotangent of ``via.lhs`` (`local`, times the softmax weight or the
            argmax choice of a reduction), in cases where it is evaluated under a condition only.
        equation: the term as an equation; its left-hand side is the cotangent, or a helper if several
            terms are added.
        limits: conditions on indices of `via`, besides its guards, under which the weight is evaluated.
    """

    tensor: Tensor
    via: Equation
    access: Access
    local: sp.Expr
    weight: sp.Expr
    equation: Equation
    limits: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Rewrite:
    """One clean-up step: `before` became `after` (None where an equation was merged into its users).

    Attributes:
        rule: what was done, in the words of the field, such as ``output reuse``.
        level: ``exact`` for structure only, ``algebraic`` for an identity of real numbers.
    """

    rule: str
    level: Literal["exact", "algebraic"]
    before: Equation
    after: Equation | None


@dataclass(frozen=True)
class Record:
    """Everything that happened, in order."""

    contributions: tuple[Contribution, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()

    @cached_property
    def uses(self) -> dict[Tensor, tuple[Contribution, ...]]:
        """The uses of each tensor."""
        found: dict[Tensor, list[Contribution]] = {}
        for use in self.contributions:
            found.setdefault(use.tensor, []).append(use)
        return {tensor: tuple(uses) for tensor, uses in found.items()}

    @cached_property
    def facts(self) -> dict[Tensor | None, tuple[Rewrite, ...]]:
        """The rewrites by declared facts, by the tensor whose cotangent they are about."""
        found: dict[Tensor | None, list[Rewrite]] = {}
        for rewrite in self.rewrites:
            if rewrite.rule.startswith("fact"):
                found.setdefault(rewrite.before.lhs.of, []).append(rewrite)
        return {tensor: tuple(rewrites) for tensor, rewrites in found.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Derivative:
    """The result of differentiating `output`.

    Attributes:
        program: computes `output` and then every gradient, cleaned up.
        output: the rank-0 tensor that was differentiated.
        cotangents: for each tensor that a gradient passed through, its cotangent; includes all of `wrt`.
        wrt: the tensors whose gradients were asked for, in order.
        record: how the equations came about.
    """

    program: Program
    output: Tensor
    cotangents: dict[Tensor, Tensor]
    wrt: tuple[Tensor, ...]
    record: Record = field(default_factory=Record)

    def gradient(self, tensor: Tensor) -> Tensor:
        """Return the gradient of the output with respect to `tensor`, of the same shape."""
        return self.cotangents[tensor]
