"""The value of a formula as it is shown: evaluates the nodes that the printers print.

Scalars follow the index variables one by one, slowly; matrices are NumPy arrays with vectors as columns.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from scipy import special

from symdl.explain.notation import tree as t
from symdl.explain.stories.equations import ALL
from symdl.express.dims import Dim, Index
from symdl.express.random import uniform_numbers
from symdl.express.special import kinds
from symdl.express.special.written import FORMS
from symdl.express.tensors import Access, Tensor
from symdl.run.reference import matrices
from symdl.run.values import values


def by_routines(kind: Any) -> Any:
    """A special function of numbers, by the form and the routines that kernels have for it."""

    def value(*args: Any) -> Any:
        names = sp.symbols(f"x:{len(args)}")
        form = FORMS[kind](*names) if kind in FORMS else kind(*names)
        calls = form.atoms(kinds.Called)
        routines = {call.calls: values(call.calls) for call in calls}
        form = form.replace(
            lambda part: isinstance(part, kinds.Called), lambda c: sp.Function(c.calls)(*c.args)
        )
        return sp.lambdify(names, form, [routines, "numpy"])(*args)

    return value


def in_columns(function: Any) -> Any:
    """A function of a matrix whose value is a column in place of a vector."""

    def of(matrix: Any) -> Any:
        value = function(matrix)
        return value.reshape(-1, 1) if value.ndim == 1 else value

    return of


MATRICES: dict[str, Any] = {
    **{str(op): function for op, function in matrices.FUNCTIONS.items()},
    "inverse": np.linalg.inv,
    "cholesky": np.linalg.cholesky,
}
"""Every function of matrices that an equation may have, by its name."""
SPECIAL: dict[str, Any] = {kind.__name__: by_routines(kind) for kind in (*FORMS, *kinds.OWN)}
"""Every special function that an equation may have, by its name."""
FUNCTIONS: dict[str, Any] = {
    **SPECIAL,
    **{name: getattr(np, name) for name in "sin cos tan sinh cosh tanh exp log sqrt sign".split()},
    "Abs": np.abs,
    **{name: in_columns(of) for name, of in MATRICES.items()},
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "StopGradient": lambda value: value,
    "erf": special.erf,
    "erfc": special.erfc,
    "atan2": np.arctan2,
    "loggamma": special.gammaln,
    "polygamma": special.polygamma,
    "gamma": special.gamma,
    "cot": lambda z: 1 / np.tan(z),
    "coth": lambda z: 1 / np.tanh(z),
    "csc": lambda z: 1 / np.sin(z),
    "sec": lambda z: 1 / np.cos(z),
    "sinc": lambda z: np.sinc(z / np.pi),
    **{name: getattr(special, name) for name in "erfinv beta betaln gammainc gammaincc betainc zeta".split()},
    **{f"bessel{kind}": getattr(special, f"{kind}v") for kind in "jyik"},
    "Ei": special.expi,
    "expint": special.expn,
    "LambertW": lambda z, branch=0: special.lambertw(z, branch).real,
    "elliptic_k": special.ellipk,
    "elliptic_e": special.ellipe,
    "elliptic_d": lambda m: special.elliprd(0, 1 - m, 1) / 3,
    "Si": lambda z: special.sici(z)[0],
    "Ci": lambda z: special.sici(z)[1],
    **{
        name: lambda z, at=at: special.airy(z)[at]
        for at, name in enumerate("airyai airyaiprime airybi airybiprime".split())
    },
    **dict.fromkeys(("digamma", "digammafunction"), special.digamma),
    **dict.fromkeys(("trigamma", "trigammafunction"), lambda z: special.polygamma(1, z)),
    "besselj": special.jv,
    "Phi": special.ndtr,
    "phi": lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "Max": lambda *values: functools.reduce(np.maximum, values),
    "Min": np.minimum,
    "RandomUniform": uniform_numbers,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "normalcdf": special.ndtr,
    "normalpdf": lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    "Exp": np.exp,
    "unit": lambda ones: np.diag(ones[:, 0]),
    "unfolded": lambda array, rank: unfolded(array, rank),
    "vec": lambda array: np.asarray(array).reshape(-1, 1, order="F"),
    "floor": lambda value: np.floor(value + 1e-9),  # of quotients of integers
    "Mod": np.mod,
}
RELATIONS: dict[str, Any] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "|": lambda m, e: np.equal(np.mod(e, m), 0),
}


@dataclass
class Shown:
    """Values of tensors, sizes and ordinary symbols, by which formulas are evaluated."""

    arrays: Mapping[Tensor, Any] = field(default_factory=dict)
    symbols: Mapping[sp.Symbol, Any] = field(default_factory=dict)

    def size(self, extent: Any) -> int:
        expr = sp.sympify(extent, strict=True)
        return int(expr.xreplace({s: sp.Integer(int(self.symbols[s])) for s in expr.free_symbols}))

    def value(self, node: t.Node, at: Mapping[Any, int] | None = None) -> Any:
        """Return the value of a node; `at` gives the index variables."""
        at = at or {}

        def v(inner: t.Node) -> Any:
            return self.value(inner, at)

        match node:
            case t.Number():
                return float(node.value)
            case t.Symbol(expr=Access() as access):
                return self.arrays[access.tensor][()]
            case t.Symbol(expr=Index()):
                return at[node.expr]
            case t.Symbol(expr=sp.Symbol()):
                return self.symbols[node.expr]
            case t.Item():
                where = tuple(slice(None) if i == ALL else round(v(i)) for i in node.indices)
                sizes = zip(where, self.arrays[node.tensor].shape, strict=True)
                if node.outside and any(not isinstance(i, slice) and not 0 <= i < size for i, size in sizes):
                    return 0.0  # as the page says
                return self.arrays[node.tensor][where]
            case t.Ordinal():
                return self.size(node.place)
            case t.Negative():
                return -v(node.arg)
            case t.Terms():
                return sum(map(v, node.args))
            case t.Product():
                result = 1.0
                factors = list(flat(node))
                for factor in reversed(factors):  # one that fails switches off all others, inner ones too
                    if (
                        isinstance(factor, t.Indicator | t.Delta)
                        and np.ndim(v(factor)) == 0
                        and not v(factor)
                    ):
                        return 0.0
                for factor in factors:
                    result = result * v(factor)
                return result
            case t.Fraction():
                return v(node.top) / v(node.bottom)
            case t.Power():
                return v(node.base) ** v(node.exponent)
            case t.Call(name="trace"):
                return np.trace(np.atleast_2d(v(node.args[0])))
            case t.Call(name="inverse"):
                return np.linalg.inv(v(node.args[0]))
            case t.Call(name="matrix_power"):
                return np.linalg.matrix_power(v(node.args[0]), round(v(node.args[1])))
            case t.Call(name="diagonal"):
                return np.diag(v(node.args[0])).reshape(-1, 1)
            case t.Call(name="determinant"):
                return np.linalg.det(v(node.args[0]))
            case t.Call(name="softmax"):
                z = v(node.args[0])
                axis = 0 if z.shape[1] == 1 else 1  # vectors are columns; of a matrix every row
                shares = np.exp(z - z.max(axis, keepdims=True))
                return shares / shares.sum(axis, keepdims=True)
            case t.Entry():
                value = v(node.arg)
                value = value.reshape(-1) if len(node.indices) == 1 else value  # of a column
                return value[tuple(round(v(i)) for i in node.indices)]
            case t.Call():
                return FUNCTIONS[node.name](*map(v, node.args))
            case t.Compare(right=t.Compare() as rest):  # a chain: 0 <= i < n
                return RELATIONS[node.op](v(node.left), v(rest.left)) and v(rest)
            case t.Compare():
                return RELATIONS[node.op](v(node.left), v(node.right))
            case t.Logic(op="and"):
                return all(map(v, node.args))
            case t.Logic(op="or"):
                return any(map(v, node.args))
            case t.Logic():
                return not v(node.args[0])
            case t.Indicator():
                return np.where(v(node.condition), 1.0, 0.0)[()]
            case t.Delta():
                return float(v(node.left) == v(node.right))
            case t.Cases():
                return self.chosen(node.rows, at)
            case t.Big():
                return self.reduced(node, at)
            case t.Partial():
                assert node.value is not None
                return v(node.value)
            case t.Applied() if node.value is not None:
                return v(node.value)
            case t.Brace():
                return v(node.body)
            case t.Cancelled():
                return v(node.arg)
            case _:
                return self.matrix(node, at)

    def chosen(self, rows: tuple[tuple[t.Node, t.Node | None], ...], at: Mapping[Any, int]) -> Any:
        """The value of the first condition that holds, entry by entry where conditions are matrices."""
        if not rows:
            return np.nan
        (value, condition), *rest = rows
        holds = condition is None or self.value(condition, at)
        if np.ndim(holds):
            return np.where(holds, self.value(value, at), self.chosen(tuple(rest), at))
        return self.value(value, at) if holds else self.chosen(tuple(rest), at)

    def reduced(self, node: t.Big, at: Mapping[Any, int]) -> Any:
        """Go through all positions of a reduction."""
        ranges = [range(self.size(extent)) for _, extent in node.axes]
        values, places = [], []
        for place, position in enumerate(itertools.product(*ranges)):
            here = {**at, **dict(zip((i.expr for i, _ in node.axes), position, strict=True))}
            if node.condition is None or self.value(node.condition, here):
                values.append(self.value(node.body, here))
                places.append(place)
        if not values and node.op in ("max", "logsumexp"):
            return -np.inf
        if node.op == "logsumexp":
            return np.logaddexp.reduce(values)
        if node.op == "argmax":
            return places[int(np.argmax(values))] if values else 0
        fold: Any = {"sum": lambda parts: np.sum(parts, axis=0), "prod": np.prod, "max": np.max}[node.op]
        return fold(values)

    def matrix(self, node: t.Node, at: Mapping[Any, int]) -> Any:
        """Evaluate a matrix expression; a vector is a column."""

        def v(inner: t.Node) -> Any:
            return self.value(inner, at)

        match node:
            case t.Array():
                array = np.asarray(self.arrays[node.tensor])
                return array.reshape(-1, 1) if array.ndim == 1 else array
            case t.Transpose():
                return v(node.arg).T
            case t.Multiply():
                result = v(node.args[0])
                for factor in map(v, node.args[1:]):  # a matrix of one element is a number
                    result = result @ factor if np.ndim(result) and np.ndim(factor) else result * factor
                return result[0, 0] if np.shape(result) == (1, 1) else result
            case t.Hadamard():
                values = [(factor, v(factor)) for factor in node.args]
                assert len({np.shape(value) for _, value in values}) == 1
                result = np.ones(np.shape(values[0][1]))
                for factor, value in values:
                    result = result if isinstance(factor, t.Indicator) else result * value
                for factor, value in values:  # where a condition fails, what it multiplies is not evaluated
                    result = np.where(value, result, 0.0) if isinstance(factor, t.Indicator) else result
                return result
            case t.Row():
                return v(node.arg)[round(v(node.index))].reshape(-1, 1)
            case t.Kronecker():
                return functools.reduce(np.kron, (np.asarray(v(f)) for f in node.args))
            case t.Commutation():
                return commutation(self.size(node.rows), self.size(node.columns))
            case t.Diagonal():
                return np.diag(v(node.arg)[:, 0])
            case t.Ones():
                return np.ones((self.size(node.size), 1))
            case t.Grid():
                return blocks([[v(entry) for entry in row] for row in node.rows])
            case t.Norm():
                return np.sum(v(node.arg) ** 2)
            case _:
                raise AssertionError(f"cannot evaluate {node}")


def flat(node: t.Product) -> Iterator[t.Node]:
    """The factors of a product as it is printed: a product in it has no brackets."""
    for factor in node.args:
        if isinstance(factor, t.Product):
            yield from flat(factor)
        else:
            yield factor


def blocks(rows: list[list[Any]]) -> Any:
    """A matrix of numbers or of blocks; a number among matrices is 0, or a matrix of one entry."""
    sizes = [[np.shape(entry) or (1, 1) for entry in row] for row in rows]
    high = [max(shape[0] for shape in row) for row in sizes]
    wide = [max(shape[1] for shape in column) for column in zip(*sizes, strict=True)]
    full = [
        [np.broadcast_to(entry, (h, w)) for entry, w in zip(row, wide, strict=True)]
        for row, h in zip(rows, high, strict=True)
    ]
    return np.block(full).astype(float)


def commutation(rows: int, columns: int) -> Any:
    """The matrix that takes ``vec(X)`` to ``vec(X')``, for an `X` of these sizes."""
    order = np.arange(rows * columns).reshape(columns, rows).ravel("F")
    return np.eye(rows * columns)[order]


def unfolded(array: Any, rank: Any) -> Any:
    """A derivative as the matrix of vec: the first `rank` axes are those of its rows."""
    count = round(float(rank))
    array = np.asarray(array)
    shape = array.shape
    axes = [*reversed(range(count)), *reversed(range(count, array.ndim))]
    return array.transpose(axes).reshape(int(np.prod(shape[:count])), -1)


def dims_of(arrays: Mapping[Tensor, Any]) -> dict[sp.Symbol, int]:
    """Read the sizes off the arrays."""
    return {
        size: n
        for tensor, array in arrays.items()
        for size, n in zip(tensor.shape, np.shape(array), strict=True)
        if isinstance(size, Dim)
    }
