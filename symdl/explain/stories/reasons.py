"""Why a line of a derivation is what it is, in words that a student knows.

Enters: an equation of a derivative and the derivative's record. Leaves: a `Why`: "product rule", "chain rule
through" an intermediate. How an equation was built (the name of an operation or of a layer) is no reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdl.differentiate.record import Contribution, Derivative
from symdl.express.dims import Index
from symdl.express.equations import MATRIX_OPS, Equation
from symdl.express.tensors import Access, Tensor

_NAMELESS = ("definition", "", "elementwise")
_LINEAR = ("add", "sub", "neg", "affine", "bias", "sum")
_RULES = {
    **dict.fromkeys(_LINEAR, "sum rule"),
    "mul": "product rule",
    "matmul": "product rule",
    "div": "quotient rule",
    "pow": "power rule",
    "mean": "differentiate under the mean",
}
FUNCTIONS = {
    "sigmoid": "σ",
    **{name: name for name in "exp log sqrt tanh sin cos tan sinh cosh relu gelu softplus softmax".split()},
    **{
        name: name for name in "elu selu silu mish hardtanh leaky_relu log1p expm1 erf atan asin acos".split()
    },
    "abs": "the absolute value",
    "where": "the cases",
    "maximum": "the larger one",
    "minimum": "the smaller one",
}
_OF_MATRICES = {
    "inverse": "inverse",
    "det": "derivative of the determinant",
    "logdet": "derivative of log det",
    "logabsdet": "derivative of log |det|",
    "cholesky": "derivative of Cholesky's factor",
    "eigenvalues": "derivative of eigenvalues",
    "eigenvectors": "derivative of eigenvectors",
    "orthogonal": "derivative of the orthonormal factor",
    "triangular": "derivative of the triangular factor",
    "singular_values": "derivative of singular values",
    "left_vectors": "derivative of singular vectors",
    "right_vectors": "derivative of singular vectors",
}
_DIFFERENTIALS = {
    "inverse": "d(X⁻¹) = -X⁻¹ dX X⁻¹, (40)",
    "det": "d det X = det(X) tr(X⁻¹ dX), (42)",
    "logdet": "d log det X = tr(X⁻¹ dX), (43)",
    "logabsdet": "d log |det X| = tr(X⁻¹ dX), (43)",
    "logsumexp": "d log ∑ e^z = softmax(z)ᵀ dz",
}
COLLECTION = "Numbers in brackets are those of The Matrix Cookbook (2012)."
_REDUCTIONS = {"logsumexp": "derivative of log-sum-exp", "max": "to the place of the maximum"}


_HELPERS = {"argmax": "first position of the maximum", "other factors": "the other factors"}


@dataclass(frozen=True, slots=True)
class Why:
    """A reason: words, and a tensor whose name follows them."""

    words: str
    about: Tensor | None = None


def reason(equation: Equation, derivative: Derivative) -> Why:
    """Return the rule by which an adjoint equation was derived."""
    tensor, origin = equation.lhs.of, equation.origin.rule
    if origin == "seed":
        return Why("where we start")
    if equation.reduction is not None and equation.reduction.op in MATRIX_OPS:
        return Why(MATRIX_OPS[equation.reduction.op].words)
    uses = derivative.record.uses.get(tensor, ()) if tensor is not None else ()
    if origin in _HELPERS:
        return Why(_HELPERS[origin])
    if len(uses) > 1:
        return Why("a term for each use of", tensor)
    if uses:
        return rule_of(uses[0])
    return Why(_words(origin.removesuffix(" rule")))


def rule_of(use: Contribution) -> Why:
    """Return the rule of one use of a tensor."""
    via = use.via
    reduction = via.reduction.op if via.reduction else ""
    if reduction == "prod":
        return Why("product rule")
    name = via.origin.rule.removesuffix(" rule")  # of a derivative that is differentiated again
    if reduction in _REDUCTIONS:
        return Why(_REDUCTIONS[reduction])
    if reduction in _OF_MATRICES:
        return Why(_OF_MATRICES[reduction])
    if name == "div" and _core(via).as_numer_denom()[1].has(Access):
        return Why("quotient rule")
    if name in ("mul", "div", "pow") and not reduction:
        return Why(_by_form(use) or _RULES[name])
    if name in _RULES and name not in _LINEAR:
        return Why(_RULES[name])
    if reduction == "sum" and is_window(via):
        moved = any(_is_moving(place) for place in use.access.indices)
        return Why(f"product rule: {'convolution, the kernel turned round' if moved else 'correlation'}")
    if reduction == "sum":
        return Why(_by_form(use) or "differentiate under the sum")
    term = use.equation
    spread = {i for i in term.bound if term.extents[i] != 1} - set(via.bound)
    if not reduction and spread and name not in FUNCTIONS:
        return Why("summed over its copies")
    if name in _LINEAR:
        return Why("sum rule")
    if name in FUNCTIONS:
        return Why(f"chain rule through {FUNCTIONS[name]}")
    return Why("chain rule through", via.lhs)


def _by_form(use: Contribution) -> str:
    """Return the rule that the form of a body asks for: of a product, of a power, of a constant factor.

    Nothing is returned for a sum of several terms.
    """
    factors = [f for f in sp.Mul.make_args(_core(use.via)) if f.has(use.access)]
    if len(factors) != 1:
        return "product rule" if factors else ""
    (own,) = factors
    if own == use.access:
        if _core(use.via) != own:
            return "product rule"
        return "" if use.via.reduction else "constant factor"
    if isinstance(own, sp.log | sp.exp):
        return f"derivative of {own.func.__name__}"
    if own.is_Pow and not own.exp.has(use.access):
        return "quotient rule" if own.exp.is_negative else "power rule"
    return "constant factor" if own.is_Add and not use.via.reduction and not use.local.has(Access) else ""


def is_window(equation: Equation) -> bool:
    """Say whether an equation sums over a window that moves along an array: a convolution."""
    factors = equation.body.atoms(Access)
    return len(factors) > 1 and any(_is_moving(place) for a in factors for place in a.indices)


def _is_moving(place: sp.Expr) -> bool:
    return len([s for s in place.free_symbols if isinstance(s, Index)]) > 1


def rule_in_differentials(use: Contribution) -> str:
    """Return the rule of a differential by which one use of a tensor is put in."""
    via = use.via
    reduction = via.reduction.op if via.reduction else ""
    name = via.origin.rule.removesuffix(" rule")
    reads = via.body.atoms(Access)
    if reduction in _DIFFERENTIALS:
        return _DIFFERENTIALS[reduction]
    if reduction == "sum" and _core(via).is_Pow and _core(via).exp == 2:
        return "d‖r‖² = 2 rᵀ dr"
    if reduction == "sum" and _is_product(via):
        return "d(AB) = dA B + A dB, (37)"
    if reduction == "sum" and any(len(a.indices) == 2 and len(set(a.indices)) == 1 for a in reads):
        return "d tr X = tr(dX), (36)"
    if reduction == "sum" and not all(isinstance(t, Access) for t in _terms(_core(via))):
        return "d ∑ f(z) = ∑ f'(z) dz"
    if reduction == "sum" or name in _LINEAR:
        return "d(A + B) = dA + dB, (35)"
    if not reduction and _is_product(via):
        return "d(A ⊙ B) = dA ⊙ B + A ⊙ dB, (38)"
    return "d f(z) = f'(z) ⊙ dz"


def has_own_form(via: Equation) -> bool:
    """Say whether the differential of an equation is a formula that stands before the trace is ordered."""
    if via.reduction is not None and via.reduction.op != "sum":
        return via.reduction.op == "inverse"
    return _is_product(via) or (via.reduction is None and via.lhs.rank > 0)


def _core(via: Equation) -> sp.Expr:
    """The body without numbers and sizes in front."""
    return via.body.as_independent(Access, as_Add=False)[1]


def _terms(core: sp.Expr) -> list[sp.Expr]:
    """The terms of a body, without numbers and sizes in front."""
    return [term.as_independent(Access, as_Add=False)[1] for term in sp.Add.make_args(core)]


def _is_product(via: Equation) -> bool:
    core = _core(via)
    return bool(core.is_Mul) and len(core.atoms(Access)) > 1 and all(f.has(Access) for f in core.args)


def _words(name: str) -> str:
    """The words for how a helper of a derivative was made."""
    if name in _NAMELESS or name == "definition rule":
        return ""
    return _RULES.get(name, "chain rule" if name in FUNCTIONS else name)
