"""NumPy's functions of matrices called with tensors: ``np.linalg.qr(A)``, ``np.kron(A, B)``.

Enters: arguments in NumPy's order and by NumPy's names. Leaves: what symdl's function of that meaning
defines; of a matrix that should be symmetric, its symmetric part counts. An option that asks for what symdl
has not is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symdl.errors import ExpressionError, ShapeError
from symdl.express import decompositions, diagonals, distances, elementary, linalg
from symdl.express.doors import as_tensor
from symdl.express.operators import normal_axes, one_axis, reduce
from symdl.express.shaping import expand_dims, moveaxis, swapaxes
from symdl.express.tensors import Tensor


def _refused(what: str, cure: str) -> ExpressionError:
    return ExpressionError(f"{what} of a tensor", cure=cure)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    tensor = as_tensor(x)
    axes = normal_axes(axis, tensor.rank)
    if ord is None or (ord == "fro" and len(axes) == 2):
        return distances.norm(tensor, axis, keepdims=keepdims)
    if len(axes) == 1:
        return distances.norm(tensor, axis, order=ord, keepdims=keepdims)
    if len(axes) != 2 or ord not in (2, "nuc"):
        raise _refused(
            f"np.linalg.norm with ord={ord!r} over {len(axes)} axes",
            "pass a number of at least 1 for vectors, 'fro', 2 or 'nuc' for matrices",
        )
    values = decompositions.svd(_matrices(tensor, *axes))[1]
    result = reduce("max" if ord == 2 else "sum", values, -1)
    return expand_dims(result, axes) if keepdims else result


def _matrices(a: Any, axis1: int, axis2: int) -> Tensor:
    """The tensor with two axes moved to the end."""
    tensor = as_tensor(a)
    first, second = one_axis(axis1, tensor.rank), one_axis(axis2, tensor.rank)
    if first == second:
        raise ShapeError("a diagonal needs two different axes", shapes={"tensor": tensor.shape})
    return moveaxis(moveaxis(tensor, first, -1), second - (first < second), -1)


def _diag(v: Any, k: int = 0) -> Tensor:
    tensor = as_tensor(v)
    if tensor.rank > 2:
        raise ShapeError(
            "np.diag of a tensor takes a vector or a matrix", shapes=[tensor.shape], cure="see sd.diag"
        )
    return diagonals.diag(tensor, offset=k)


def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    tensor = as_tensor(a)
    if hermitian:
        raise _refused("np.linalg.svd with hermitian=True", "use np.linalg.eigh, or leave hermitian out")
    if not compute_uv:
        return decompositions.svd(tensor)[1]
    if full_matrices and tensor.rank >= 2 and tensor.shape[-1] != tensor.shape[-2]:
        raise _refused("np.linalg.svd with full matrices", "pass full_matrices=False, as sd.svd does")
    return decompositions.svd(tensor)


def _qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "r"):
        raise _refused(f"np.linalg.qr with mode={mode!r}", "use 'reduced' or 'r'")
    factors = decompositions.qr(as_tensor(a))
    return factors if mode == "reduced" else factors[1]


def _cholesky(a: Any, *, upper: bool = False) -> Tensor:
    lower = linalg.cholesky(as_tensor(a))
    return swapaxes(lower, -1, -2) if upper else lower


_TOP: Mapping[str, Callable[..., Any]] = {
    "cross": lambda a, b: elementary.cross(a, b),
    "diag": _diag,
    "diagonal": lambda a, offset=0, axis1=0, axis2=1: diagonals.diag(
        _matrices(a, axis1, axis2), offset=offset
    ),
    "kron": lambda a, b: linalg.kron(a, b),
    "trace": lambda a, offset=0, axis1=0, axis2=1: diagonals.trace(_matrices(a, axis1, axis2), offset=offset),
}
_LINALG: Mapping[str, Callable[..., Any]] = {
    "cholesky": _cholesky,
    "cross": lambda x1, x2: elementary.cross(x1, x2),
    "det": lambda a: linalg.det(a),
    "diagonal": lambda x, *, offset=0: diagonals.diag(_matrices(x, -2, -1), offset=offset),
    "eigh": lambda a: decompositions.eigh(a),
    "eigvalsh": lambda a: decompositions.eigh(a)[0],
    "inv": lambda a: linalg.inv(a),
    "matrix_power": lambda a, n: linalg.matrix_power(a, n),
    "matrix_transpose": lambda x: swapaxes(as_tensor(x), -1, -2),
    "norm": _norm,
    "pinv": lambda a: decompositions.pinv(a),
    "qr": _qr,
    "slogdet": lambda a: linalg.slogdet(a),
    "solve": lambda a, b: linalg.solve(a, b),
    "svd": _svd,
    "svdvals": lambda x: decompositions.svd(x)[1],
    "trace": lambda x, *, offset=0: diagonals.trace(x, offset=offset),
}
MATRICES: Mapping[str, Callable[..., Any]] = {**_TOP, **{f"linalg.{name}": _LINALG[name] for name in _LINALG}}
"""Functions by the names that NumPy knows them by."""
