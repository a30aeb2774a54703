"""Functions that a user brings along: their values, their derivatives, their code.

Enters: a name, a derivative in SymPy, routines that compute values. Leaves: `OwnFunction`, applied to tensors
and expressions alike. Each is a SymPy class of its own, and its routine has a number: two functions of one
name are never taken for each other, whatever machine code is kept.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import sympy as sp

from symdl.errors import DerivativeError, ExpressionError
from symdl.express.naming import checked_name
from symdl.express.operators import elementwise, operands
from symdl.express.special.kinds import Called
from symdl.express.tensors import Tensor

OWN = "function"
"""What the names of their routines begin with."""
MOST = 6
"""Arguments of one, at most."""


class Own(Called):
    """A function that a user made.

    Attributes:
        label: what the user calls it.
        derivative: from the arguments to the partial derivatives; None if nobody said.
        numpy: from arrays to an array.
        c: its code for the processor: an address, or a Python function that Numba compiles; None if there is
            none.
    """

    label: ClassVar[str]
    derivative: ClassVar[Any]
    numpy: ClassVar[Any]
    c: ClassVar[Any]

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative in one of the arguments, as the user gave it.

        Raises:
            DerivativeError: there is none, or it is no expression.
        """
        kind = type(self)
        found = kind.derivative(*self.args) if kind.derivative is not None else None
        parts = found if isinstance(found, tuple | list) else (found,)
        if len(parts) != len(self.args) and found is not None:
            raise DerivativeError(
                f"the derivative of {kind.label} has {len(parts)} parts for {len(self.args)} arguments",
                cure="return a tuple with one expression an argument, None for one without a derivative",
            )
        part = parts[argindex - 1] if found is not None else None
        if part is None:
            raise DerivativeError(
                f"the function {kind.label} has no derivative in its argument number {argindex}",
                expression=self,
                cure="pass derivative=, a function of the arguments that returns SymPy expressions",
            )
        return sp.sympify(part, strict=True)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return sp.Float(float(type(self).numpy(*map(float, self.args))))


_serials = itertools.count(1)
_alive: WeakValueDictionary[str, type[Own]] = WeakValueDictionary()


def routine(name: str) -> type[Own] | None:
    """Return the function whose routine has this name, or None if it is none of this process."""
    return _alive.get(name)


def latest(label: str) -> type[Own] | None:
    """Return the function of a name that was made last and is still there, or None."""
    found = [kind for kind in list(_alive.values()) if kind.label == label]
    return max(found, key=lambda kind: number_and_count(kind.calls)[0], default=None)


def number_and_count(name: str) -> tuple[int, int]:
    """Return the number that a routine's name holds, and that of its arguments."""
    number, count, _ = name.removeprefix(OWN).split("_", 2)
    return int(number), int(count)


@dataclass(frozen=True, eq=False)
class OwnFunction:
    """A function that a user made; call it with tensors, SymPy expressions or numbers.

    Attributes:
        kind: its class in SymPy.
    """

    kind: type[Own]

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.kind.label

    def __call__(self, *arguments: Any) -> Any:
        """The function of tensors that broadcast, elementwise; of expressions an expression.

        Raises:
            ExpressionError: another number of arguments.
        """
        count = int(self.kind.nargs.args[0])
        if len(arguments) != count:
            raise ExpressionError(
                f"{self.name} takes {count} arguments, not {len(arguments)}", cure=f"pass {count}"
            )
        return applied(self.kind, *arguments)

    def __repr__(self) -> str:
        return f"<function {self.name} of {int(self.kind.nargs.args[0])} arguments>"


def applied(kind: Callable[..., sp.Expr], *arguments: Any) -> Any:
    """Apply a function of scalars: elementwise to tensors, which broadcast, or to expressions."""
    found = operands(*arguments)
    if not any(isinstance(value, Tensor) for value in found):
        return kind(*found)
    return elementwise(kind, *found, rule=getattr(kind, "label", kind.__name__))


def function(
    name: str,
    *,
    derivative: Callable[..., Any] | sp.Expr | None = None,
    numpy: Callable[..., Any] | None = None,
    c: Any = None,
    arguments: int | None = None,
) -> OwnFunction:
    """Make a scalar function with its own derivative and its own code.

    ``softsign = sd.function("softsign", derivative=lambda x: 1/(1 + sp.Abs(x))**2, numpy=..., c=...)``
    can be used like `exp`: on tensors, in formulas, and in whatever is derived from them.

    Args:
        name: letters, digits and underscores; formulas show it.
        derivative: from the arguments, as SymPy expressions, to the derivative; for several arguments to a
            tuple, with None where there is none. For one argument an expression in one symbol will do.
            Without it the function has values only.
        numpy: from arrays to an array: what the reference and ``target="python"`` compute; by default `c`,
            number by number.
        c: the code for the processor: a Python function of floats that Numba can compile, the address of a C
            function of doubles that returns a double, or such a function of `ctypes`. Without it the function
            can be computed by ``target="python"`` only. There is no form for CUDA.
        arguments: how many there are; by default what the signature of `derivative`, `numpy` or `c` says.

    Returns:
        A function of tensors, expressions and numbers. Values are elementwise; several operands broadcast.
        What holds it is saved by its name: make it again before such a thing is loaded.

    Raises:
        ExpressionError: the name is none, nothing computes values, or the number of arguments is not known.

    Example:
        >>> cube = sd.function("cube", derivative=lambda u: 3*u**2, numpy=lambda u: u**3)
        >>> x = sp.Symbol("x")
        >>> sd.derive(cube(2*x), x).result
        24*x**2
    """
    if not (checked_name(name, "function").isascii() and name.isidentifier()) or "__" in name:
        raise ExpressionError(f"{name!r} is no name of a function", cure="use letters, digits and _")
    python: Any = c if inspect.isroutine(c) and not hasattr(c, "argtypes") else None
    if numpy is None and python is None:
        raise ExpressionError(
            f"nothing computes the values of {name}",
            cure="pass numpy=, a function of arrays, or c=, a Python function of floats",
        )
    if isinstance(derivative, sp.Expr):
        derivative = _of_one_symbol(derivative)
    count = arguments or next(filter(None, map(_count, (derivative, python, numpy))), 0)
    if not 1 <= count <= MOST:
        raise ExpressionError(
            f"{name} has {count or 'an unknown number of'} arguments", cure=f"pass arguments=, 1 to {MOST}"
        )
    calls = f"{OWN}{next(_serials)}_{count}_{name}"
    members = {
        "calls": calls,
        "nargs": count,
        "label": name,
        "derivative": staticmethod(derivative) if derivative is not None else None,
        "numpy": staticmethod(numpy if numpy is not None else _of_arrays(python)),
        "c": staticmethod(c) if callable(c) else c,
        "__module__": __name__,
    }
    kind: type[Own] = type(name, (Own,), members)
    _alive[calls] = kind
    return OwnFunction(kind)


def _of_one_symbol(expr: sp.Expr) -> Callable[[sp.Expr], sp.Expr]:
    symbols = sorted(expr.free_symbols, key=str)
    if len(symbols) > 1:
        raise ExpressionError(
            "a derivative that is an expression has one symbol", expression=expr, cure="pass a function"
        )
    return lambda x: expr.xreplace(dict.fromkeys(symbols, x))


def _count(given: Any) -> int:
    """Return how many arguments a function takes, 0 if it does not say."""
    try:
        parameters = inspect.signature(given).parameters.values() if given is not None else ()
    except (TypeError, ValueError):
        return int(getattr(given, "nin", 0))
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return 0 if any(p.kind not in plain for p in parameters) else len(parameters)


def _of_arrays(python: Any) -> Callable[..., Any]:
    """Return a function of floats as one of arrays; derivations, which need no arrays, do without NumPy."""
    import numpy as np

    return np.vectorize(python, otypes=[float])
