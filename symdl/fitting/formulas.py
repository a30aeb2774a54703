"""What formulas a fit has, and of what.

Enters: an expression, a tensor or text; or several, each under the name of what was measured. Leaves:
formulas by that name, with tied parameters put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from symdl.errors import FittingError, SymdlError
from symdl.express.parser import parse
from symdl.express.program import collect
from symdl.express.replacing import replace
from symdl.express.scalar import expression
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.express.walks import swapped, symbols_of
from symdl.fitting.curves import Curve
from symdl.fitting.equations import names_of
from symdl.fitting.parameters import by_name, name_of


def read_formula(formula: Any) -> Any:
    """Return an expression or a tensor.

    Raises:
        FittingError: it is neither, nor text that means one.
    """
    if isinstance(formula, Tensor):
        if formula.dtype != "real":
            raise FittingError(
                f"{formula} holds integers, which no fit can change", cure="pass a real tensor"
            )
        return formula
    if hasattr(formula, "as_tensor"):
        return formula.as_tensor()
    try:
        return parse(formula) if isinstance(formula, str) else expression(formula)
    except SymdlError as problem:
        raise FittingError(f"no formula: {problem.message}", expression=formula, cure=problem.cure) from None


def without_curves(formula: Any) -> tuple[Any, dict[str | None, Curve]]:
    """Return formulas in place of curves, and the curves by what was measured; None if that is not said."""
    if isinstance(formula, Curve):
        return formula.formula, {None: formula}
    if not isinstance(formula, Mapping):
        return formula, {}
    curves: dict[str | None, Curve] = {name_of(k): v for k, v in formula.items() if isinstance(v, Curve)}
    return {k: v.formula if isinstance(v, Curve) else v for k, v in formula.items()}, curves


def by_response(formula: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return formulas by what was measured; of one formula that is the array that it does not read.

    Raises:
        FittingError: which array was measured cannot be told, or an array is missing.
    """
    if isinstance(formula, Mapping):
        found = {name: read_formula(value) for name, value in by_name(formula, "the formulas").items()}
        if not found:
            raise FittingError("there is no formula", cure="pass {y: formula}")
        if missing := [name for name in found if name not in arrays]:
            cure = f"pass {missing[0]}=array; the keys are the names of what was measured"
            raise FittingError(f"{missing[0]} was measured, but there are no values of it", cure=cure)
        return found
    one = read_formula(formula)
    names = names_of(one)
    left = [name for name in arrays if name not in names]
    if len(left) != 1:
        if not left:
            raise FittingError("no array says what was measured", expression=one, cure="pass it: y=array")
        raise FittingError(
            f"what was measured? The formula reads none of {', '.join(left)}",
            expression=one,
            cure=f"say it: sd.fit({{{left[-1]!r}: formula}}, ...), and leave out what is not needed",
        )
    return {left[0]: one}


def put_in(formula: Any, tied: Mapping[str, Any]) -> Any:
    """Return a formula with other formulas in place of parameters.

    Raises:
        FittingError: shapes do not fit.
    """
    if isinstance(formula, Tensor):
        known = {str(t.name): t for t in collect([formula]).inputs}
        parts = {known[name]: _as_tensor(value) for name, value in tied.items() if name in known}
        try:
            return replace(formula, parts) if parts else formula
        except SymdlError as problem:
            raise FittingError(problem.message, shapes=problem.shapes, cure=problem.cure) from None
    known = {str(symbol): symbol for symbol in symbols_of(formula)}
    parts = {known[name]: value for name, value in tied.items() if name in known}
    if wrong := [name for name, value in tied.items() if name in known and isinstance(value, Tensor)]:
        cure = f"tie it to an expression in symbols, as the formula is one: {wrong[0]}: 2*b"
        raise FittingError(f"{wrong[0]} is a symbol, and tied to a tensor", cure=cure)
    return swapped(formula, parts) if parts else formula


def _as_tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if symbols_of(value):
        cure = "tie it to a formula of tensors: declare them by sd.parameter(name, ())"
        raise FittingError("a tensor is tied to an expression in symbols", expression=value, cure=cure)
    return define(None, (), value)


def parameters_of(formulas: Iterable[Any], arrays: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return the names of all parameters, and the shapes of those that are tensors."""
    shapes: dict[str, Any] = {}
    names: dict[str, None] = {}
    for formula in formulas:
        names.update(dict.fromkeys(name for name in names_of(formula) if name not in arrays))
        if isinstance(formula, Tensor):
            for t in collect([formula]).inputs:
                if t.value is None and str(t.name) not in arrays:
                    shapes[str(t.name)] = _sizes(t, arrays)
    return list(names), shapes


def _sizes(t: Tensor, arrays: Mapping[str, Any]) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in t.shape)
    except TypeError:
        cure = (
            f"declare {t.name} with numbers as sizes; if it is no parameter, pass its values: {t.name}=array"
        )
        raise FittingError(
            f"{t.name} has a size that varies", shapes={str(t.name): t.shape}, cure=cure
        ) from None


def without_ties(tied: Any) -> dict[str, Any]:
    """Return tied formulas over parameters that are not tied themselves.

    Raises:
        FittingError: parameters are tied in a circle, or to nothing.
    """
    found = {name: read_formula(value) for name, value in by_name(tied, "tied").items()}
    for _ in found:
        inner = {name: value for name, value in found.items() if set(names_of(value)) & found.keys()}
        if not inner:
            break
        found |= {
            name: put_in(value, {k: v for k, v in found.items() if k != name})
            for name, value in inner.items()
        }
    if circle := [name for name, value in found.items() if set(names_of(value)) & found.keys()]:
        cure = "tie each to parameters that are free or fixed"
        raise FittingError(f"{circle[0]} is tied to itself", expression=found[circle[0]], cure=cure)
    return found
