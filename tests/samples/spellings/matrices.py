"""Products and linear algebra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import symdl as sd

from ..sample import Absent, Spelling


def swapped(x: Any) -> Any:
    return sd.swapaxes(x, -1, -2)


def plus(product: Callable[..., Any]) -> Callable[..., Any]:
    """`beta*x + alpha*product`; where `beta` is 0, `x` does not count."""

    def ours(x: Any, *factors: Any, beta: float = 1, alpha: float = 1, **_: Any) -> Any:
        found = alpha * product(*factors)
        if beta == 0:
            return found
        return sd.broadcast_to(beta * x, found.shape) + found if x.shape != found.shape else beta * x + found

    return ours


def matmul(x: Any, y: Any) -> Any:
    if x.rank == 1 or y.rank == 1:
        left = sd.expand_dims(x, 0) if x.rank == 1 else x
        right = sd.expand_dims(y, 1) if y.rank == 1 else y
        found = left @ right
        drop = ([-2] if x.rank == 1 else []) + ([-1] if y.rank == 1 else [])
        return sd.squeeze(found, tuple(a % found.rank for a in drop))
    return x @ y


def cholesky(x: Any, upper: bool = False, **_: Any) -> Any:
    factor = sd.cholesky(x)
    return swapped(factor) if upper else factor


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    return sd.inv(swapped(x) @ x if upper else x @ swapped(x))


def cholesky_solve(b: Any, factor: Any, upper: bool = False) -> Any:
    a = swapped(factor) @ factor if upper else factor @ swapped(factor)
    return sd.solve(a, b)


def solve_triangular(
    a: Any, b: Any, *, upper: bool, left: bool = True, unitriangular: bool = False, **_: Any
) -> Any:
    if unitriangular:
        eye = sd.eye(a.shape[-1])
        a = (sd.triu(a, 1) if upper else sd.tril(a, -1)) + (
            eye if a.rank == 2 else sd.broadcast_to(eye, a.shape)
        )
    if left:
        return sd.solve_triangular(a, b, lower=not upper)
    return swapped(sd.solve_triangular(swapped(a), swapped(b), lower=upper))


def triangular_solve(
    b: Any, a: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    if transpose:
        a, upper = swapped(sd.triu(a) if upper else sd.tril(a)), not upper
    return solve_triangular(a, b, upper=upper, unitriangular=unitriangular)


def solve(a: Any, b: Any, *, left: bool = True, **_: Any) -> Any:
    if b.rank == 1 or (b.rank == a.rank - 1 and b.shape == a.shape[:-1]):
        return sd.squeeze(sd.solve(a, sd.expand_dims(b, -1)), -1)
    return sd.solve(a, b) if left else swapped(sd.solve(swapped(a), swapped(b)))


def linalg_cross(x: Any, y: Any, *, dim: int = -1) -> Any:
    moved = sd.cross(sd.moveaxis(x, dim, -1), sd.moveaxis(y, dim, -1))
    return sd.moveaxis(moved, -1, dim)


def tensordot(x: Any, y: Any, dims: Any = 2) -> Any:
    return sd.tensordot(x, y, dims)


def einsum(subscripts: str, *tensors: Any) -> Any:
    tensors = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    return sd.einsum(subscripts, *tensors)


def swap_einsum(tensors: Any, subscripts: str) -> Any:
    return einsum(subscripts, *tensors)


def cdist(x: Any, y: Any, p: float = 2.0, compute_mode: Any = None) -> Any:
    return sd.cdist(x, y, order=p)


def pdist(x: Any, p: float = 2.0) -> Any:
    rows = [(i, j) for i in range(x.shape[0]) for j in range(i + 1, x.shape[0])]
    if not rows:
        raise Absent("an axis of no elements")
    first, second = (sd.take(x, sd.constant(list(at))) for at in zip(*rows, strict=True))
    return sd.norm(first - second, 1, order=p)


def pairwise_distance(x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    return sd.norm(x - y + eps, -1, order=p, keepdims=keepdim)


def cosine_similarity(x: Any, y: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    if x.rank == 0:
        return sd.cosine_similarity(x.reshape(1), y.reshape(1), epsilon=eps)
    return sd.cosine_similarity(x, y, dim, epsilon=eps)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    return sd.sum(x * y, dim)


def multi_dot(factors: Any) -> Any:
    found = factors[0]
    for f in factors[1:]:
        found = matmul(found, f)
    return found


def vander(x: Any, *, N: Any = None) -> Any:
    x = x.reshape(1) if x.rank == 0 else x
    n = x.shape[-1] if N is None else N
    return sd.stack([x**k if k else sd.full(x.shape, 1.0) for k in range(n)], x.rank)


def qr(x: Any, some: bool = True, mode: Any = None) -> Any:
    if not some or mode == "complete":
        raise Absent("factors that are not thin")
    q, r = sd.qr(x)
    return r if mode == "r" else (q, r)


def positive(result: Any) -> Any:
    """PyTorch's factors with a positive diagonal."""
    import torch

    q, r = result
    sign = torch.sign(torch.diagonal(r, dim1=-2, dim2=-1).detach())
    return (q * sign.unsqueeze(-2), sign.unsqueeze(-1) * r) if q.numel() else sign.unsqueeze(-1) * r


def singular(x: Any, *_: Any, **__: Any) -> Any:
    return sd.svd(x)[1]


def eigenvalues(x: Any, UPLO: str = "L") -> Any:
    return sd.eigh(x)[0]


def pinv(x: Any, *_: Any, **k: Any) -> Any:
    if k.get("hermitian") or k.get("rtol") is not None or k.get("atol") is not None:
        raise Absent("singular values below a tolerance")
    return sd.pinv(x)


def lstsq(a: Any, b: Any, **_: Any) -> Any:
    return sd.lstsq(a, b)


def matrix_power(x: Any, n: int) -> Any:
    return sd.matrix_power(x, n)


def tensorinv(x: Any, ind: int = 2) -> Any:
    shape = x.shape
    rows = 1
    for s in shape[:ind]:
        rows *= s
    return sd.inv(x.reshape(rows, -1)).reshape(*shape[ind:], *shape[:ind])


def tensorsolve(a: Any, b: Any, dims: Any = None) -> Any:
    if dims is not None:
        rest = [i for i in range(a.rank) if i not in [d % a.rank for d in dims]]
        a = sd.transpose(a, (*rest, *dims))
    shape = a.shape[b.rank :]
    size = 1
    for s in b.shape:
        size *= s
    return sd.solve(a.reshape(size, -1), b.reshape(-1, 1)).reshape(shape)


def bilinear(x: Any, y: Any, weight: Any, bias: Any = None) -> Any:
    one = sd.einsum("ni,oij,nj->no", x.reshape(-1, x.shape[-1]), weight, y.reshape(-1, y.shape[-1]))
    found = one.reshape(*x.shape[:-1], weight.shape[0])
    return found if bias is None else found + bias


SPELLINGS = {
    "addmm": Spelling(plus(lambda a, b: a @ b)),
    "addmm.decomposed": Spelling(plus(lambda a, b: a @ b)),
    "addmv": Spelling(plus(matmul)),
    "addbmm": Spelling(plus(lambda a, b: sd.sum(a @ b, 0))),
    "baddbmm": Spelling(plus(lambda a, b: a @ b)),
    "addr": Spelling(plus(sd.outer)),
    "dot": Spelling(sd.inner),
    "vdot": Spelling(sd.inner),
    "bmm": Spelling(matmul),
    "mm": Spelling(matmul),
    "mv": Spelling(matmul),
    "matmul": Spelling(matmul),
    "__rmatmul__": Spelling(lambda x, y: matmul(y, x)),
    "outer": Spelling(sd.outer),
    "inner": Spelling(lambda x, y: x * y if 0 in (x.rank, y.rank) else sd.tensordot(x, y, (-1, -1))),
    "kron": Spelling(lambda x, y: sd.kron(x, y)),
    "tensordot": Spelling(tensordot),
    "einsum": Spelling(swap_einsum),
    "cross": Spelling(
        lambda x, y, dim=None: linalg_cross(x, y, dim=dim if dim is not None else x.shape.index(3))
    ),
    "linalg.cross": Spelling(linalg_cross),
    "trace": Spelling(sd.trace),
    "cdist": Spelling(cdist),
    "nn.functional.pdist": Spelling(pdist),
    "nn.functional.pairwise_distance": Spelling(pairwise_distance),
    "nn.functional.cosine_similarity": Spelling(cosine_similarity),
    "linalg.vecdot": Spelling(vecdot),
    "linalg.multi_dot": Spelling(multi_dot),
    "linalg.vander": Spelling(vander),
    "cholesky": Spelling(cholesky),
    "linalg.cholesky": Spelling(cholesky),
    "linalg.cholesky_ex": Spelling(cholesky, lambda r: r[0]),
    "cholesky_inverse": Spelling(cholesky_inverse),
    "cholesky_solve": Spelling(cholesky_solve),
    "triangular_solve": Spelling(triangular_solve, lambda r: r[0]),
    "linalg.solve_triangular": Spelling(solve_triangular),
    "linalg.solve": Spelling(solve),
    "linalg.solve_ex": Spelling(solve, lambda r: r[0]),
    "linalg.inv": Spelling(sd.inv),
    "linalg.inv_ex": Spelling(sd.inv, lambda r: r[0]),
    "linalg.det": Spelling(sd.det),
    "logdet": Spelling(sd.logdet),
    "linalg.slogdet": Spelling(sd.slogdet, tuple),
    "linalg.matrix_power": Spelling(matrix_power),
    "matrix_exp": Spelling(sd.expm),
    "linalg.eigh": Spelling(eigenvalues, lambda r: r[0], symmetrized=True),
    "linalg.eigvalsh": Spelling(eigenvalues, symmetrized=True),
    "svd": Spelling(singular, lambda r: r[1]),
    "linalg.svd": Spelling(singular, lambda r: r[1]),
    "linalg.svdvals": Spelling(singular),
    "linalg.cond": Spelling(lambda x: sd.max(sd.svd(x)[1], -1) / sd.min(sd.svd(x)[1], -1)),
    "qr": Spelling(qr, positive),
    "linalg.qr": Spelling(qr, positive),
    "pinverse": Spelling(pinv),
    "linalg.pinv": Spelling(pinv),
    "linalg.lstsq": Spelling(lstsq, lambda r: r[0]),
    "linalg.lstsq.grad_oriented": Spelling(lstsq, lambda r: r[0]),
    "linalg.tensorinv": Spelling(tensorinv),
    "linalg.tensorsolve": Spelling(tensorsolve),
    "nn.functional.bilinear": Spelling(bilinear),
}
