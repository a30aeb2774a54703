"""The options of `sd.derive`: what is read, named, and refused.

Enters: what was passed. Leaves: expressions and tensors; an error for options that say nothing about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sympy as sp

from symdl.errors import ExplainError
from symdl.express.entering import entered
from symdl.express.naming import checked_name
from symdl.express.parser import parse, symbol_of
from symdl.express.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Forms:
    """Which derivative is told, and in which form; see `symdl.explain.derive.derive`."""

    form: Literal["index", "differential"]
    order: int
    layout: Literal["numerator", "denominator"]
    symmetric: bool = False


def read(f: Any, wrt: Any, where: Any) -> tuple[Any, Any, Any]:
    """Read what is given as text: an expression, its symbols, the definitions of intermediates."""
    f = parse(f) if isinstance(f, str) else entered(f) if isinstance(f, sp.Expr) else f
    where = {symbol_of(k, f): parse(v) if isinstance(v, str) else v for k, v in (where or {}).items()}
    if isinstance(f, Tensor) or not isinstance(f, sp.Expr):
        return f, wrt, where
    every = sp.Tuple(f, *where.values())
    if isinstance(wrt, list | tuple):
        return f, tuple(symbol_of(one, every) for one in wrt), where
    return f, symbol_of(wrt, every), where


def with_let(f: Tensor, wrt: Any, let: Mapping[str, Tensor] | None) -> tuple[Tensor, Any]:
    """Name intermediates of `f`; what `wrt` means by a tensor that is made anew is the new one."""
    from symdl.explain.stories.named import derivative_names, with_names

    names = {**derivative_names(f), **(let or {})}
    if not names:
        return f, wrt
    f, new = with_names(f, names)
    several = isinstance(wrt, list | tuple)
    found = [new.get(one, one) if isinstance(one, Tensor) else one for one in (wrt if several else [wrt])]
    return f, found if several else found[0]


def refuse(f: Any, scalar: Mapping[str, Any], tensors: Mapping[str, Any], forms: Forms) -> None:
    """Refuse what is no name, and options that say nothing about such an `f`; `scalar`: of expressions."""
    if scalar["name"] is not None:
        checked_name(scalar["name"], "function")
    tensor = isinstance(f, Tensor)
    unused = [option for option, value in (scalar if tensor else tensors).items() if value]
    if unused:
        raise ExplainError(
            f"{', '.join(unused)} is for {'an expression in symbols' if tensor else 'a tensor'}",
            cure=f"leave {' and '.join(unused)} out",
        )
    _refuse_forms(f, forms)


def _refuse_forms(f: Any, forms: Forms) -> None:
    """Refuse orders and forms that there are not, and those that say nothing about such an `f`."""
    form, order, layout = forms.form, forms.order, forms.layout
    if form not in ("index", "differential"):
        raise ExplainError(f"{form!r} is no form of a derivation", cure="use 'index' or 'differential'")
    tensor, axes = isinstance(f, Tensor), isinstance(f, Tensor) and f.rank > 0
    if forms.symmetric and (axes or order == 2 or form == "differential"):
        raise ExplainError(
            "symmetric_gradient is for a gradient in index form", cure="leave it out, or form and order"
        )
    if order not in (1, 2):
        raise ExplainError(f"derivatives of order {order!r} are not told", cure="use order 1 or 2")
    if layout not in ("numerator", "denominator"):
        raise ExplainError(f"{layout!r} is no layout", cure="use 'numerator' or 'denominator'")
    if layout == "denominator" and not axes:
        what = "a gradient has the shape of its argument" if tensor else "an expression has no matrix"
        raise ExplainError(f"layout is for Jacobians; {what}", cure="leave layout out")
    if form == "differential" and (axes or order == 2):
        raise ExplainError(
            "the form by differentials is for gradients and first derivatives", cure="leave form out"
        )
    if order == 2 and axes:
        raise ExplainError(f"{f} is no scalar, so it has no Hessian", cure="derive a scalar of it")


__all__ = ["Forms", "read", "refuse", "with_let"]
