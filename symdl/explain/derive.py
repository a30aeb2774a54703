"""Derivations from functions and networks.

Enters: a scalar SymPy expression or a tensor, and what to differentiate it by. Leaves: a `Derivation`, made
from the same record that the compiler reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import sympy as sp

from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.styles import Style, labels_styled
from symdl.explain.options import Forms, read, refuse, with_let
from symdl.explain.sections import Depth
from symdl.explain.stories.scalar_derivation import Setting, derive_scalar, derive_total, function_name
from symdl.express.program import Fact
from symdl.express.tensors import Tensor


def derive(
    f: Any,
    wrt: Any,
    *,
    facts: Sequence[Fact] = (),
    depth: Depth | None = None,
    form: Literal["index", "differential"] = "index",
    order: int = 1,
    layout: Literal["numerator", "denominator"] = "numerator",
    where: Mapping[sp.Symbol, sp.Expr] | None = None,
    let: Mapping[str, Tensor] | None = None,
    name: str | None = None,
    symbols: Sequence[sp.Symbol] | None = None,
    parameters: Sequence[sp.Symbol] = (),
    styles: Mapping[str, Style] | None = None,
    symmetric_gradient: bool = False,
) -> Derivation:
    """Derive a derivative: of a scalar function, a gradient, a Jacobian, a Hessian.

    ``sd.derive(L, w)`` is the gradient of a tensor of rank 0, ``sd.derive(y, x)`` the Jacobian of one that
    has axes, ``sd.derive(L, w, order=2)`` a Hessian.

    Args:
        f: a SymPy expression in ordinary symbols, or such an expression as text, such as
            ``"sin(x**2*y) + exp(z)"``; or a tensor.
        wrt: a symbol or its name; or a tensor, or the name of one, such as ``"first.W"``; or a list of them.
        facts: declared equations, such as ``sd.sums_to_one(Y)`` or ``sd.fact(U.T @ U, sd.eye(k))``.
        depth: ``"result"``, ``"key"`` or ``"all"``; by default all steps of a scalar function, the key
            lines of a network.
        form: ``"differential"`` tells ``dL = tr(G' dX)`` line by line, or ``df = f_x dx + f_y dy``.
        order: 2 for second derivatives, of an expression or of a tensor of rank 0.
        layout: of a Jacobian as a matrix: with ``"numerator"`` row i belongs to ``y[i]``, with
            ``"denominator"`` to ``x[i]``.
        where: for an expression, named intermediates and what they are: ``{z: y - f, ...}``. They stay
            named in the derivation.
        let: for a tensor, names of intermediates: ``{"r": X @ w - y}``. They are found by what they compute,
            and get lines of their own.
        name: what a scalar function is called, ``"f"`` by default.
        symbols: the order of a scalar function's variables; by default sorted by name.
        parameters: those of a scalar function's variables that stand after the semicolon, ``f(x; a, b)``.
        styles: for names other letters and colours: ``{"X": sd.Style(colour="#0B6E4F")}``.
        symmetric_gradient: add ``2 G - I . G``, where entries of a symmetric matrix are no free variables.

    Raises:
        ExpressionError: a text is no expression.
        DerivativeError: `f` does not depend on `wrt`, or has no derivative in closed form.
        ExplainError: `wrt` is not of a kind that fits `f`, no tensor has that name, or an option is not for
            such an `f`.

    Example:
        >>> x, y = sp.symbols("x y")
        >>> d = sd.derive(sp.sin(x**2*y), y)
        >>> d.result
        x**2*cos(x**2*y)
        >>> print(d.text().splitlines()[0])
        Derivative of f(x, y) = sin(x²·y) with respect to y
    """
    f, wrt, where = read(f, wrt, where)
    forms = Forms(form, order, layout, symmetric_gradient)
    scalar = {"where": where, "name": name, "symbols": symbols, "parameters": parameters}
    refuse(f, scalar, {"facts": facts, "let": let, "symmetric_gradient": symmetric_gradient}, forms)
    named = labels_styled(styles or {})
    if isinstance(f, Tensor):
        given: dict[str, Any] = {"facts": facts, "depth": depth or "key", "named": named}
        return _of_tensor(*with_let(f, wrt, let), forms, given)
    setting = Setting(name or "", tuple(parameters), named)
    given = {"depth": depth or "all", "where": where or {}, "symbols": symbols}
    return _of_expression(f, wrt, forms, setting, given)


def _of_expression(f: Any, wrt: Any, forms: Forms, setting: Setting, given: Mapping[str, Any]) -> Derivation:
    """Derive a scalar function: one derivative, several, or second ones."""
    several = isinstance(wrt, tuple)
    if not several and not isinstance(wrt, sp.Symbol):
        raise ExplainError(f"{wrt!r} is no symbol", expression=f, cure=_cure_of(wrt))
    if forms.form == "differential":
        return derive_total(f, wrt, setting=setting, **given)
    if several or forms.order == 2:
        from symdl.explain.stories.second_scalar import derive_several

        def tell(one: sp.Expr, symbol: sp.Symbol, name: str) -> Derivation:
            return derive_scalar(one, symbol, setting=replace(setting, name=name), **given)

        name = function_name(setting.name, sp.sympify(f, strict=True), given["where"])
        targets = wrt if several else (wrt,)
        return derive_several(f, targets, order=forms.order, name=name, tell=tell, single=not several)
    return derive_scalar(f, wrt, setting=setting, **given)


def _cure_of(wrt: Any) -> str:
    if isinstance(wrt, sp.MatrixExpr):
        return f'declare it as a tensor: sd.tensor("{wrt}", (2, 3))'
    return "pass a SymPy symbol of the expression, or its name"


def _of_tensor(f: Tensor, wrt: Any, forms: Forms, given: Mapping[str, Any]) -> Derivation:
    """Derive a Jacobian, a Hessian or a gradient; what tells it is loaded only then."""
    if f.rank:
        from symdl.explain.stories.jacobian import derive_jacobian

        return derive_jacobian(f, wrt, layout=forms.layout, **given)
    if forms.order == 2:
        from symdl.explain.stories.hessian import derive_hessian

        return derive_hessian(f, wrt, **given)
    if forms.form == "differential":
        from symdl.explain.stories.differential import derive_differential

        return derive_differential(f, wrt, **given)
    from symdl.explain.stories.network import derive_tensor

    return derive_tensor(f, wrt, symmetric_gradient=forms.symmetric, **given)
