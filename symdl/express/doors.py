"""One door for everything that can stand for a tensor.

Enters: tensors, comparisons, arrays, lists, numbers, expressions. Leaves: tensors, or exact scalars where a
formula takes numbers. Every public function and operator lets its arguments in here, so what one takes, all
take.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdl.errors import ExpressionError
from symdl.express.constants import constant
from symdl.express.dims import is_whole
from symdl.express.equations import Origin
from symdl.express.naming import checked_name
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.express.values import numbers

P = ParamSpec("P")
R = TypeVar("R")
Door = Callable[[Any, str], Any]


def operand(value: Any, what: str = "a constant") -> Tensor | sp.Expr:
    """Return what takes part in a formula: a tensor, or an exact scalar for a number or an expression.

    A comparison is the tensor of its zeros and ones. Arrays, nested lists, memory views and tensors of other
    libraries become constants: integers and truth values int64, all else real.

    Raises:
        ExpressionError: `value` is none of these; it names `what`.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, sp.Expr):
        if value.is_number and value.is_extended_real is False:
            raise ExpressionError(f"{what} is {value}, which is no real number", cure="pass a real number")
        return value
    if hasattr(value, "as_tensor"):
        return value.as_tensor()
    if is_complex(value):
        cure = "take a part, z.re or z.im, or abs(z)"
        raise ExpressionError(f"{what} is {value}, which is complex", cure=cure)
    if isinstance(value, bool):
        raise compared(value, what)
    if isinstance(value, int | float):
        return sp.sympify(value, strict=True)
    if value is None or isinstance(value, str | bytes | dict):
        raise ExpressionError(
            f"a {type(value).__name__} cannot be combined with a tensor: {what}",
            cure="pass a tensor, a number, an array or a list of numbers",
        )
    array = numbers(value, what, error=ExpressionError)
    if array.ndim:
        return constant(array, what=what)
    return sp.sympify(array.astype("int64") if array.dtype.kind == "b" else array[()].item(), strict=True)


def is_complex(value: Any) -> bool:
    """Say whether a value is a complex tensor (`symdl.express.complexes`)."""
    return hasattr(value, "as_parts")


def is_finite(found: Tensor | sp.Expr) -> bool:
    """Say whether an operand is no number that is infinite or NaN."""
    return not (found is sp.nan or found in (sp.oo, -sp.oo))


def as_data(found: Tensor | sp.Expr) -> Tensor | sp.Expr:
    """Return an infinite number, or NaN, as a constant tensor: nothing is computed with it before the call.

    To SymPy ``x + oo`` is ``oo`` and ``1/oo`` is 0, for it takes elements for real numbers; they may be NaN.
    """
    if isinstance(found, Tensor) or is_finite(found):
        return found
    return constant(float(found))


def known(value: Any) -> Tensor | sp.Expr:
    """Return an operand that can be compared: NaN, which cannot, is a constant tensor."""
    found = operand(value)
    return as_data(found) if found is sp.nan else found


def as_tensor(value: Any, what: str = "a constant") -> Tensor:
    """Return a tensor: what `operand` gives, with a number or an expression as a tensor of rank 0.

    Raises:
        ExpressionError: `value` cannot stand for one.
    """
    if isinstance(value, Tensor):
        return value
    found = operand(value, what)
    if isinstance(found, Tensor):
        return found
    return define(None, (), found, dtype="int64" if found.is_Integer else "real", origin=Origin("scalar"))


def in_place_of(tensor: Tensor, value: Any, what: str) -> Tensor:
    """Return what stands in the place of `tensor`: whole numbers are real ones where it is real."""
    found = as_tensor(value, what)
    if found is value or tensor.dtype == found.dtype or found.value is None or tensor.dtype != "real":
        return found
    return constant(found.value.astype("float64"))


def as_mask(value: Any, what: str = "a mask") -> Any:
    """Return what chooses elements: flags as a tensor; a condition and None as they are."""
    if value is None or hasattr(value, "as_tensor") or isinstance(value, Boolean):
        return value
    return as_tensor(value, what)


def compared(value: Any, what: str) -> ExpressionError:
    """Return the error for Python's ``True`` and ``False``: ``x == 1`` is one, whatever elements `x` has."""
    return ExpressionError(
        f"{what} is {value}: between tensors == and != ask whether both are one object",
        cure="compare elements by sd.equal(x, 1) and sd.not_equal(x, 1), index variables by sp.Eq(i, j);"
        " for a number write 1 or 0",
    )


def _several(door: Door) -> Door:
    def let_in(value: Any, what: str) -> Any:
        if isinstance(value, Mapping | str) or not hasattr(value, "__iter__"):
            raise ExpressionError(f"{what} is no sequence of tensors", cure="pass a list of them")
        return [door(entry, what) for entry in value]

    return let_in


def _or_none(door: Door) -> Door:
    return lambda value, what: None if value is None else door(value, what)


def _called(name: Any, what: str) -> str | None:
    return None if name is None else checked_name(name, f"result of {what.partition(':')[0]}")


_DOORS: Mapping[str, Door] = {
    "Tensor": as_tensor,
    "Tensor | Condition": lambda value, what: (
        value if hasattr(value, "as_counts") else as_tensor(value, what)
    ),
    "Tensor | int": lambda value, what: int(value) if is_whole(value) else as_tensor(value, what),
    "Tensor | None": _or_none(as_tensor),
    "Tensor | tuple[Tensor, ...]": lambda value, what: (
        value
        if isinstance(value, tuple) and all(isinstance(part, Tensor) for part in value)
        else as_tensor(value, what)
    ),
    "Mask": as_mask,
    "Sequence[Tensor]": _several(as_tensor),
    "Iterable[Tensor]": _several(as_tensor),
    "Sequence[Tensor | None] | None": _or_none(_several(_or_none(as_tensor))),
    "tuple[Tensor, Tensor] | None": _or_none(_several(_or_none(as_tensor))),
}
"""What comes in where a parameter is declared so."""


def takes_tensors(function: Callable[P, R]) -> Callable[P, R]:
    """Let in what can stand for a tensor, wherever `function` declares a parameter as one, and names.

    A name is looked at although tensors look at theirs: a layer has ``first.W``, and nothing is ``first``.
    """
    name = function.__name__
    parameters = inspect.signature(function).parameters.values()
    found = {p.name: _DOORS[p.annotation] for p in parameters if p.annotation in _DOORS}
    found |= {p.name: _called for p in parameters if p.name == "name"}
    order = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)

    def let_in(parameter: str | None, value: Any) -> Any:
        if isinstance(value, Tensor) or parameter not in found:
            return value
        return found[parameter](value, f"{name}: {parameter}")

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        places = [*order, *[rest] * (len(args) - len(order))]
        inside: Any = (let_in(parameter, value) for parameter, value in zip(places, args, strict=False))
        named: Any = {key: let_in(key, value) for key, value in kwargs.items()}
        return function(*inside, **named)

    return wrapped
