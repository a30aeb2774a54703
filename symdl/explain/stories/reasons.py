"""Why an adjoint equation is what it is, in the words of the field.

Enters: an equation of a derivative and the derivative's record. Leaves: the rule's name.
"""

from __future__ import annotations

from symdl.differentiate.record import Contribution, Derivative
from symdl.express.equations import Equation
from symdl.express.tensors import Access

_PLAIN = ("definition", "", "elementwise")


def reason(equation: Equation, derivative: Derivative) -> str:
    """Return the rule by which an adjoint equation was derived."""
    tensor = equation.lhs.of
    if equation.origin.rule == "seed":
        return "seed"
    uses = derivative.record.uses.get(tensor, ()) if tensor is not None else ()
    if equation.origin.rule == "argmax":
        return "first position of the maximum"
    rules = list(dict.fromkeys(rule_of(c) for c in uses))
    if len(uses) > 1:
        words = [word for rule in rules for word in rule.split(", ")]
        return "sum over uses: " + ", ".join(dict.fromkeys(words))
    return rules[0] if rules else equation.origin.rule.removesuffix("definition rule")


def rule_of(use: Contribution) -> str:
    """Return the rule of one use of a tensor."""
    via = use.via
    reduction = via.reduction.op if via.reduction else ""
    if reduction == "logsumexp":
        return "logsumexp"
    if reduction == "max":
        return "maximum"
    name = via.origin.rule.removesuffix(" rule")  # of a derivative that is differentiated again
    if reduction == "sum" and len(via.body.atoms(Access)) > 1 and name in (*_PLAIN, "matmul"):
        return "product, index contracted"
    if reduction == "sum" and name in _PLAIN:
        return "sum"
    spread = set(use.equation.bound) - set(via.bound)
    if not reduction and spread:
        return "broadcast, summed"
    if name == "affine":
        return "sum rule"
    if not reduction and use.weight != use.local and name in _PLAIN:
        return "chain rule, output reused"
    if not reduction:
        suffix = ", output reused" if use.weight != use.local else ""
        return ("chain rule" if name in _PLAIN else f"chain rule, {name}") + suffix
    return name
