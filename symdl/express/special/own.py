"""Functions that a user brings along: their values, their derivatives, their code.

Enters: a name, a derivative in SymPy, routines that compute values. Leaves: `OwnFunction`, applied to tensors
and expressions alike. Each is a SymPy class of its own, and its routine has a number: two functions of one
name are never taken for each other, whatever machine code is kept. One that has a name only is a function
that is not known: its derivatives have names, too.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
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

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        kind = type(self)
        return sp.Float(float(kind.numpy(*map(float, self.args)))) if kind.numpy is not None else None


class Unknown(Own):
    """A function of which only the name is known, or a derivative of one.

    Attributes:
        letter: the name of the function.
        orders: how often it was differentiated in each argument.
    """

    letter: ClassVar[str]
    orders: ClassVar[tuple[int, ...]]

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        kind = type(self)
        below, above = marks(kind.orders)
        name = printer.doprint(sp.Symbol(kind.letter)) + (f"_{{{below}}}" if below else "")
        name += f"^{{{above[1:]}}}" if above.startswith("^") else above
        text = rf"{name}\left({', '.join(map(printer.doprint, self.args))}\right)"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


_STROKES = 3
"""Derivatives that are written by strokes, at most; later ones by their number."""


def marks(orders: tuple[int, ...]) -> tuple[str, str]:
    """Return what stands below and above the name of a derivative.

    Of a function of several arguments which they are, ``"112"``, below; of one argument strokes, or from the
    fourth derivative on ``"^(4)"``, above.
    """
    count = sum(orders)
    if len(orders) > 1:
        return "".join(str(place) * times for place, times in enumerate(orders, 1)), ""
    return "", "'" * count if count <= _STROKES else f"^({count})"


def values_of(kind: type[Own]) -> Callable[..., Any]:
    """Return what computes the values of a function.

    Raises:
        ExpressionError: nothing does.
    """
    if kind.numpy is None:
        raise ExpressionError(
            f"the function {kind.label} has a name, but nothing computes its values",
            cure="pass numpy= or c= to sd.function, with derivative=, or write an expression in its place",
        )
    values: Callable[..., Any] = kind.numpy
    return values


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
            Without it a function with values has no derivative, and one without values has derivatives that
            are named: f'(u), and of several arguments f_1(u, v), f_12(u, v) by the arguments' numbers.
        numpy: from arrays to an array: what the reference and ``target="python"`` compute; by default `c`,
            number by number.
        c: the code for the processor: a Python function of floats that Numba can compile, the address of a C
            function of doubles that returns a double, or such a function of `ctypes`. Without it the function
            can be computed by ``target="python"`` only. There is no form for CUDA.
        arguments: how many there are; by default what the signature of `derivative`, `numpy` or `c` says, or
            one if there is none of these.

    Returns:
        A function of tensors, expressions and numbers. Values are elementwise; several operands broadcast.
        What holds it is saved by its name: make it again before such a thing is loaded. Without `numpy` and
        `c` it is for derivations: what holds it cannot be compiled.

    Raises:
        ExpressionError: the name is none, or the number of arguments is not known.

    Example:
        >>> cube = sd.function("cube", derivative=lambda u: 3*u**2, numpy=lambda u: u**3)
        >>> x = sp.Symbol("x")
        >>> sd.derive(cube(2*x), x).result
        24*x**2
        >>> f = sd.function("f")
        >>> sd.derive(f(x**2), x).result
        2*x*f'(x**2)
    """
    if not (checked_name(name, "function").isascii() and name.isidentifier()) or "__" in name:
        raise ExpressionError(f"{name!r} is no name of a function", cure="use letters, digits and _")
    python: Any = c if inspect.isroutine(c) and not hasattr(c, "argtypes") else None
    if isinstance(derivative, sp.Expr):
        derivative = _of_one_symbol(derivative)
    told = [given for given in (derivative, python, numpy, c) if given is not None]
    count = arguments or next(filter(None, map(_count, told)), 0 if told else 1)
    if not 1 <= count <= MOST:
        raise ExpressionError(
            f"{name} has {count or 'an unknown number of'} arguments", cure=f"pass arguments=, 1 to {MOST}"
        )
    if not told:
        return OwnFunction(_Family(name, count).member((0,) * count))
    if numpy is None and c is not None and python is None:
        raise ExpressionError(
            f"nothing computes the values of {name} where nothing is compiled",
            cure="pass numpy=, a function of arrays, beside the address of a C function",
        )
    values = numpy if numpy is not None or python is None else _of_arrays(python)
    return OwnFunction(_kind(Own, name, count, derivative=derivative, numpy=values, c=c))


def _kind(base: type[Own], name: str, count: int, **members: Any) -> type[Own]:
    """Make the class of a function; its routine has a number that no other one has."""
    calls = f"{OWN}{next(_serials)}_{count}_{''.join(c if c.isalnum() else '_' for c in name)}"
    own = {key: staticmethod(value) if callable(value) else value for key, value in members.items()}
    kind: type[Own] = type(
        name, (base,), {"calls": calls, "nargs": count, "label": name, "__module__": __name__} | own
    )
    _alive[calls] = kind
    return kind


@dataclass(frozen=True)
class _Family:
    """A function that is not known and its derivatives, each made when it is first asked for."""

    name: str
    count: int
    members: dict[tuple[int, ...], type[Own]] = field(default_factory=dict)

    def member(self, orders: tuple[int, ...]) -> type[Own]:
        if orders not in self.members:
            below, above = marks(orders)
            label = self.name + (f"_{below}" if below else "") + above

            def derivative(*arguments: sp.Expr) -> tuple[sp.Expr, ...]:
                more = ((*orders[:k], orders[k] + 1, *orders[k + 1 :]) for k in range(self.count))
                return tuple(self.member(m)(*arguments) for m in more)

            known = {
                "letter": self.name,
                "orders": orders,
                "derivative": derivative,
                "numpy": None,
                "c": None,
            }
            self.members[orders] = _kind(Unknown, label, self.count, **known)
        return self.members[orders]


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
