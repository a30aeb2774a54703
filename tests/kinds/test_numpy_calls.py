"""NumPy's functions called with tensors.

The kind: a function of NumPy that gets a tensor ends in an error of NumPy, or in an array of objects that
looks like a result. The cause: without its protocols NumPy takes a tensor for a sequence of unknown objects.
Now `symdl.express.numpycalls` lists what symdl has, and refuses all else by name. Right values are NumPy's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import SymdlError
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate

RNG = np.random.default_rng(3)
A, X = RNG.normal(size=(2, 3)), sd.tensor("X", (2, 3))


def value(tensor: Any, **values: Any) -> Any:
    """The value of a tensor by the reference interpreter."""
    tensor = tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor
    return evaluate(collect([tensor]), values)[tensor]


def joined(u: Any, s: Any, v: Any) -> Any:
    """The matrix of these singular vectors and values."""
    return (u * s) @ v


M3 = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
CALLS: Mapping[str, Callable[[Any], Any]] = {
    **{name: getattr(np, name) for name in (
        "exp log sqrt sin cos tan sinh cosh tanh arctan arcsinh log1p expm1 absolute fabs sign square floor"
        " ceil rint reciprocal negative positive sum mean prod max min amax amin var std argmax argmin cumsum"
        " cumprod transpose ravel squeeze flip sort argsort trace diag tril triu log2 log10 sinc").split()},
    "median": lambda x: np.median(x) + np.median(x, axis=1) + np.nanmedian(x, axis=0, keepdims=True),
    "quantile": lambda x: np.quantile(x, [0.1, 0.7], axis=1) + np.nanquantile(x, 0.3, method="lower"),
    "without NaN": lambda x: np.nansum(x, axis=1) + np.nanmean(x) + np.nanmax(x, 0) - np.nanmin(x, 0),
    "isnan": lambda x: np.where(np.isnan(np.where(x > 1, np.nan, x)), 2, x),
    "sum of an axis": lambda x: np.sum(x, axis=1, keepdims=True),
    "mean where": lambda x: np.mean(x, 0, where=x > 0.1),
    "std with ddof": lambda x: np.std(x, 1, ddof=1),
    "sum of a comparison": lambda x: np.sum(x > 1),
    "logic": lambda x: np.where(np.logical_and(x > 0.6, np.logical_not(x > 1.5)), x, -x),
    "where": lambda x: np.where(x > 1, x, 0),
    "clip": lambda x: np.clip(x, 0.7, 1.2),
    "maximum": lambda x: np.maximum(x, 1.0) - np.minimum(M3, x),
    "dot": lambda x: np.dot(x, M3) + np.dot(M3, x) + np.dot(x, 2),
    "dot of vectors": lambda x: np.dot(x[0], M3[0]) + np.inner(x[0], M3[0]),
    "matmul": lambda x: np.matmul(M3, x) + M3 @ x,
    "einsum": lambda x: np.einsum("ij,kj->ik", x, M3),
    "tensordot": lambda x: np.tensordot(x, M3, 1),
    "outer": lambda x: np.outer(x[0], M3[1]),
    "concatenate": lambda x: np.concatenate([x, M3], axis=1),
    "stack": lambda x: np.stack([x, M3], 1),
    "reshape": lambda x: np.reshape(x, (9,)),
    "moves": lambda x: np.moveaxis(np.expand_dims(np.swapaxes(x, 0, 1), 0), 0, 1),
    "roll": lambda x: np.roll(x, 1, axis=0),
    "tile": lambda x: np.tile(x, 2),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "broadcast": lambda x: np.broadcast_to(x, (2, 3, 3)),
    "split": lambda x: np.split(x, 3)[1],
    "pad": lambda x: np.pad(x, 1, mode="edge") + np.pad(x, 1, constant_values=2),
    "take": lambda x: np.take(x, [0, 4]) + np.take(x, [0, 1], axis=1)[0],
    "take along": lambda x: np.take_along_axis(x, np.argsort(M3), axis=1),
    "solve": lambda x: np.linalg.solve(x, M3),
    "power": lambda x: np.power(x, 2) + np.float64(2) ** x + M3**2 * x,
    "divisions": lambda x: np.floor_divide(x, 0.7) + np.mod(x, 0.7) + np.remainder(2, x),
    "from the left": lambda x: M3 + x - M3 * x / (M3 - (M3 - x)),
    "comparisons": lambda x: 1 * (M3 < x) + 1 * (M3 == x) + 1 * np.not_equal(x, 1) + 1 * (np.float64(1) > x),
    "linalg": lambda x: np.linalg.det(x) + np.linalg.inv(x) + np.linalg.norm(x)
    + np.linalg.matrix_power(x, 3),
    "two arguments": lambda x: np.logaddexp(x, M3) + np.hypot(x, 2) + np.arctan2(x, M3) + np.cross(x, M3),
    "meshgrid": lambda x: np.meshgrid(x[0], x[1, :2])[0] * np.meshgrid(x[0], x[1, :2], indexing="ij")[1].T,
    "kron": lambda x: np.kron(x, M3[:2]) + np.kron(x[:2], M3),
    "diagonals": lambda x: np.trace(x, 1) + np.diag(x, -1)[0] * np.diag(x[0], 2) + np.diagonal(x, 1).sum()
    + np.linalg.trace(x) + np.linalg.diagonal(x, offset=-1)[1],
    "diagonals of other axes": lambda x: np.trace(x[:, None] * M3[:, :2, None], 0, 2, 0),
    "norms": lambda x: np.linalg.norm(x, axis=1) + np.linalg.norm(x, 3, axis=0) + np.linalg.norm(x, 2)
    + np.linalg.norm(x, "nuc", axis=(1, 0), keepdims=True) + np.linalg.norm(x, "fro"),
    "svd": lambda x: joined(*np.linalg.svd(x[:, :2], full_matrices=False)),
    "singular values": lambda x: np.linalg.svdvals(x) - np.linalg.svd(x, compute_uv=False),
    "qr": lambda x: np.abs(np.linalg.qr(x)[0]) + np.abs(np.linalg.qr(x, mode="r")),
    "eigh": lambda x: np.linalg.eigvalsh(x @ x.T) - np.abs(np.linalg.eigh(x @ x.T)[1]),
    "cholesky": lambda x: np.linalg.cholesky(x @ x.T) - np.linalg.cholesky(x @ x.T, upper=True),
    "pinv": lambda x: np.linalg.pinv(x[:, :2]) * np.linalg.slogdet(x)[1] * np.linalg.slogdet(x)[0],
    "shape": lambda x: x * np.ndim(x) * np.shape(x)[0],
}  # fmt: skip


def test_functions_of_numpy_are_those_of_symdl() -> None:
    x = sd.tensor("x", (3, 3))
    at = np.abs(M3) / 4 + np.eye(3)
    for name, call in CALLS.items():
        found, wanted = call(x), call(at)
        np.testing.assert_allclose(value(found, x=at), wanted, rtol=1e-10, atol=1e-12, err_msg=name)


def added(array: Any) -> Any:
    array += X
    return array


REFUSED: Mapping[str, Callable[[], Any]] = {
    "isinf": lambda: np.isinf(X),
    "logaddexp2": lambda: np.logaddexp2(X, X),
    "add.reduce": lambda: np.add.reduce(X),
    "multiply.outer": lambda: np.multiply.outer(X, X),
    "percentile": lambda: np.percentile(X, 50),
    "linalg.svd": lambda: np.linalg.svd(X),
    "fft.fft": lambda: np.fft.fft(X),
    "zeros_like": lambda: np.zeros_like(X),
    "array": lambda: np.array([X, X]),
    "array of a row": lambda: np.array(X[0]),
    "asarray": lambda: np.asarray(X),
    "asarray of a comparison": lambda: np.asarray(X > 0),
    "array of comparisons": lambda: np.array([X > 0, X > 1]),
    "sum with a dtype": lambda: np.sum(X, dtype="f4"),
    "sum with out": lambda: np.sum(X, out=np.zeros(())),
    "exp with out": lambda: np.exp(X, out=np.zeros((2, 3))),
    "exp with where": lambda: np.exp(X, where=A > 0),
    "add in place": lambda: added(np.zeros((2, 3))),
    "inner of matrices": lambda: np.inner(X, X),
    "spectral norm": lambda: np.linalg.norm(X, -2),
    "where of one": lambda: np.where(X > 0),
    "masked array": lambda: np.ma.array(A) * X,
    "masked array on the right": lambda: X * np.ma.array(A),
    "matrix": lambda: A.view(np.matrix) * X,
    "ndarray.dot": lambda: A.dot(X),
    "float64": lambda: np.float64(X),
    "full": lambda: np.full(3, X),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_functions_of_numpy_are_refused_by_name(name: str) -> None:
    with pytest.raises(SymdlError) as caught:
        REFUSED[name]()
    assert caught.value.cure
    word = name.split()[0]
    if word.partition(".")[0] not in "array asarray float64 full masked matrix ndarray spectral".split():
        assert word in str(caught.value)


def test_every_function_of_numpy_gives_a_tensor_or_an_error_of_ours() -> None:
    """No object arrays, and no errors of others, whatever is called."""
    x = sd.tensor("x", (3, 3))
    skipped = {*"shape size ndim save savez savez_compressed savetxt copyto put place".split()}
    for module in (np, np.linalg, np.fft):
        for name in dir(module):
            function = getattr(module, name)
            if name.startswith("_") or inspect.isclass(function) or name in skipped or not callable(function):
                continue
            if not isinstance(function, np.ufunc) and not hasattr(function, "__wrapped__"):
                continue
            for args in ((x,), (x, x)):
                try:
                    result = function(*args)
                except (SymdlError, TypeError) as error:
                    # NumPy itself refuses calls with too few or too many arguments.
                    assert isinstance(error, SymdlError) or "argument" in str(error), f"{name}: {error}"
                    continue
                parts = result if isinstance(result, list | tuple) else [result]
                assert not any(isinstance(part, np.ndarray) and part.dtype == object for part in parts), name
