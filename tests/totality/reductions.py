"""Sums and their kin: reductions, statistics, contractions, matrix functions, index notation."""

from __future__ import annotations

from typing import Any

import symdl as sd
from symdl.express.statistics import cumsum

from .case import Case, Given, definite, flags, real

X = real("n", 3)
CUBE = real("n", 3, 2)


def _method(name: str, theirs: Any, *, setting: str = "", sizes: tuple[int, ...] = (3, 1, 0), order: int = 2,
            x: Given = CUBE, axis: Any = None, **options: Any) -> Case:  # fmt: skip
    return Case(f"Tensor.{name}", lambda x: getattr(x, name)(axis, **options), {"x": x},
                lambda t, x: theirs(x), setting, sizes, order)  # fmt: skip


HOLES = [0.0, float("nan"), 0.0]


def _holed(x: Any) -> sd.Tensor:
    return sd.elementwise(lambda value, hole: value + hole, x, HOLES)


FULL = (3, 1)  # sizes of what is not defined for nothing

REDUCTIONS = (
    _method("sum", lambda x: x.sum()),
    _method("sum", lambda x: x.sum((0, 2), keepdim=True), axis=(0, 2), keepdims=True, setting="axes kept"),
    _method("mean", lambda x: x.mean(1), axis=1),
    _method("mean", lambda x: x.mean(), sizes=FULL, setting="of all"),
    _method("max", lambda x: x.amax((0, 2)), axis=(0, 2), sizes=FULL),
    _method("max", lambda x: x.amax(1), axis=1, ties="split", setting="ties split"),
    _method("min", lambda x: x.amin(1, keepdim=True), axis=1, keepdims=True),
    _method("prod", lambda x: x.prod(1), axis=1),
    _method("prod", lambda x: x.prod(), setting="of all"),
    _method("argmax", lambda x: x.argmax(1), axis=1, order=0),
    _method("argmax", lambda x: x.argmax(), order=0, sizes=FULL, setting="of all"),
    _method("argmin", lambda x: x.argmin(0, keepdim=True), axis=0, keepdims=True, order=0, sizes=FULL),
    _method("var", lambda x: x.var(1, correction=0), axis=1),
    _method("std", lambda x: x.std(1, correction=1), axis=1, correction=1),
    _method("cumsum", lambda x: x.cumsum(1), axis=1),
    Case("sd.logsumexp", lambda x: sd.logsumexp(x, 1), {"x": CUBE}, lambda t, x: x.logsumexp(1)),
    Case("sd.logsumexp", lambda x: sd.logsumexp(x, 1, where=x > -1.4), {"x": X},
         lambda t, x: t.where(x > -1.4, x.exp(), 0.0).sum(1).log(), "of some"),
    Case("sd.var", lambda x: sd.var(x, 1, ddof=1), {"x": X}, lambda t, x: x.var(1, correction=1), "ddof"),
    Case("sd.std", lambda x: sd.std(x, 1, ddof=1), {"x": X}, lambda t, x: x.std(1, correction=1), "ddof"),
    Case("sd.sum", lambda x, m: sd.sum(x, 0, where=m), {"x": X, "m": flags("n", 3)},
         lambda t, x, m: (x * m).sum(0)),
    Case("sd.sum", lambda x: sd.sum(x > 0, 1) * x[:, 0], {"x": X}, lambda t, x: (x > 0).sum(1) * x[:, 0],
         "of a comparison"),
    Case("sd.mean", lambda x: sd.mean(x, (0, 2)), {"x": CUBE}, lambda t, x: x.mean((0, 2)), sizes=FULL),
    Case("sd.prod", lambda x: sd.prod(x, -1, keepdims=True), {"x": X}, lambda t, x: x.prod(-1, keepdim=True)),
    Case("sd.max", lambda x: sd.max(x, 0, ties="split"), {"x": X}, lambda t, x: x.amax(0), sizes=FULL),
    Case("sd.min", lambda x: sd.min(x, (0, 1)), {"x": X}, lambda t, x: x.amin(), sizes=FULL),
    Case("sd.argmax", lambda x: sd.argmax(x, 1), {"x": X}, lambda t, x: x.argmax(1), order=0),
    Case("sd.argmin", lambda x: sd.argmin(x), {"x": X}, lambda t, x: x.argmin(), order=0, sizes=FULL),
    Case("sd.reduction", lambda x, m: sd.reduction("mean", x, 1, where=m), {"x": X, "m": flags("n", 3)},
         lambda t, x, m: (x * m).sum(1) / m.sum(1), "mean of some"),
    Case("sd.reduction", lambda x: sd.reduction("max", x, 1, where=x < 1.2), {"x": X},
         lambda t, x: t.where(x < 1.2, x, -t.inf).amax(1), "max of some"),
    Case("sd.reduction", lambda x: sd.reduction("logsumexp", x, 1, where=x > -1.4), {"x": X},
         lambda t, x: t.where(x > -1.4, x.exp(), 0.0).sum(1).log(), "logsumexp of some"),
    Case("sd.var", lambda x: sd.var(x, (0, 1), correction=1), {"x": CUBE},
         lambda t, x: x.var((0, 1), correction=1), sizes=FULL),
    Case("sd.std", lambda x: sd.std(x, 1, where=x > -5, keepdims=True), {"x": X},
         lambda t, x: x.std(1, correction=0, keepdim=True)),
    Case("sd.cumsum", lambda x: sd.cumsum(x, 0), {"x": X}, lambda t, x: x.cumsum(0)),
    Case("sd.cumsum", lambda x: cumsum(x, 1, reverse=True), {"x": X},
         lambda t, x: x.flip(1).cumsum(1).flip(1), "backwards"),
    Case("sd.cumsum", lambda x: sd.cumsum(x), {"x": X}, lambda t, x: x.flatten().cumsum(0), "of all"),
    Case("sd.cummax", lambda x: sd.cummax(x, 1), {"x": X},
         lambda t, x: t.stack([x[:, : k + 1].amax(1) for k in range(3)], 1)),
    Case("sd.cummin", lambda x: sd.cummin(x, 0, reverse=True), {"x": X},
         lambda t, x: x.flip(0).cummin(0).values.flip(0)),
    Case("sd.logcumsumexp", lambda x: sd.logcumsumexp(x, 1), {"x": X}, lambda t, x: x.logcumsumexp(1)),
    Case("sd.median", lambda x: sd.median(x, 0), {"x": X}, lambda t, x: x.quantile(0.5, 0), sizes=FULL),
    Case("sd.quantile", lambda x: sd.quantile(x, [0.25, 0.6], 1, keepdims=True), {"x": CUBE},
         lambda t, x: x.quantile(t.tensor([0.25, 0.6], dtype=t.float64), 1, keepdim=True), sizes=FULL),
    Case("sd.nanquantile", lambda x: sd.nanquantile(_holed(x), 0.3), {"x": X},
         lambda t, x: x[:, ::2].quantile(0.3), sizes=FULL),
    Case("sd.nanmedian", lambda x: sd.nanmedian(_holed(x), 1), {"x": X},
         lambda t, x: x[:, ::2].quantile(0.5, 1), sizes=FULL),
    Case("sd.nansum", lambda x: sd.nansum(_holed(x), 1), {"x": X}, lambda t, x: x[:, ::2].sum(1)),
    Case("sd.nanmean", lambda x: sd.nanmean(_holed(x), 1), {"x": X}, lambda t, x: x[:, ::2].mean(1)),
    Case("sd.nanmax", lambda x: sd.nanmax(_holed(x), 1), {"x": X},
         lambda t, x: x[:, ::2].amax(1)),
    Case("sd.nanmin", lambda x: sd.nanmin(_holed(x), 1), {"x": X},
         lambda t, x: x[:, ::2].amin(1)),
    Case("sd.isnan", lambda x: sd.where(sd.isnan(_holed(x)), sd.exp(x), sd.square(x)), {"x": X},
         lambda t, x: t.stack([x[:, 0] ** 2, x[:, 1].exp(), x[:, 2] ** 2], 1)),
    Case("sd.mode", lambda x: sd.mode(sd.clip(x, low=-0.5, high=0.5), 1), {"x": real("n", 5)},
         lambda t, x: x.clamp(-0.5, 0.5).mode(1).values, order=0),
    Case("sd.cumprod", lambda x: sd.cumprod(x, -1), {"x": X}, lambda t, x: x.cumprod(1)),
    Case("sd.cumprod", lambda x: sd.cumprod(x, 1, reverse=True, exclusive=True), {"x": X},
         lambda t, x: t.stack([x[:, 1] * x[:, 2], x[:, 2], t.ones_like(x[:, 0])], 1), "of those behind"),
)  # fmt: skip

CONTRACTIONS = (
    Case("Tensor.__matmul__", lambda x, y: x @ y, {"x": X, "y": real(3, 4)}, lambda t, x, y: x @ y),
    Case("Tensor.__matmul__", lambda x, y: x @ y, {"x": X, "y": real(3)}, lambda t, x, y: x @ y,
         "with a vector"),
    Case("sd.matmul", sd.matmul, {"left": real("n", 2, 3), "right": real("n", 3, 2)},
         lambda t, left, right: left @ right, "a batch"),
    Case("sd.matmul", sd.matmul, {"left": real(2, 1, 2, "n"), "right": real(3, "n", 2)},
         lambda t, left, right: left @ right, "batches that broadcast"),
    Case("sd.einsum", lambda x, y: sd.einsum("nij,kj->nki", x, y), {"x": CUBE, "y": real(2, 2)},
         lambda t, x, y: t.einsum("nij,kj->nki", x, y)),
    Case("sd.einsum", lambda x, y, z: sd.einsum("ni,nj,ij->n", x, y, z),
         {"x": X, "y": real("n", 2), "z": real(3, 2)},
         lambda t, x, y, z: t.einsum("ni,nj,ij->n", x, y, z), "three factors"),
    Case("sd.einsum", lambda x: sd.einsum("nii->in", x), {"x": real("n", 3, 3)},
         lambda t, x: t.einsum("nii->in", x), "a diagonal"),
    Case("sd.tensordot", lambda x, y: sd.tensordot(x, y, ([1, 2], [1, 0])), {"x": CUBE, "y": real(2, 3, 2)},
         lambda t, x, y: t.tensordot(x, y, ([1, 2], [1, 0]))),
    Case("sd.inner", sd.inner, {"left": X, "right": X}, lambda t, left, right: (left * right).sum()),
    Case("sd.outer", sd.outer, {"left": real("n"), "right": real(3)},
         lambda t, left, right: t.outer(left, right)),
    Case("sd.quadratic", sd.quadratic, {"x": real("n"), "matrix": real("n", "n")},
         lambda t, x, matrix: x @ matrix @ x),
)  # fmt: skip

SQUARE = definite("n", 3, 3)


def _signs(t: Any, vectors: Any) -> Any:
    """1 or -1 for each column: what makes the first entry that is not small positive."""
    large = vectors.abs() > vectors.abs().amax(-2, keepdim=True) / 1024
    return t.sign(vectors.gather(-2, large.long().argmax(-2, keepdim=True))).detach()


def _rising(t: Any, values: Any, vectors: Any) -> Any:
    return values, vectors * _signs(t, vectors)


def _turned(t: Any, left: Any, values: Any, right: Any) -> Any:
    signs = _signs(t, right.transpose(-1, -2))
    return left * signs, values, right * signs.transpose(-1, -2)


def _upwards(t: Any, orthogonal: Any, triangle: Any) -> Any:
    signs = t.sign(triangle.diagonal(dim1=-2, dim2=-1)).detach()
    return orthogonal * signs[..., None, :], triangle * signs[..., None]


MATRICES = (
    Case("sd.trace", lambda x: sd.trace(x), {"x": real("n", 3, 3)},
         lambda t, x: x.diagonal(dim1=1, dim2=2).sum(1)),
    Case("sd.trace", lambda x: sd.trace(x, offset=-1), {"x": real("n", 4, 2)},
         lambda t, x: x.diagonal(-1, 1, 2).sum(1), "below the diagonal"),
    Case("sd.det", lambda x: sd.det(x), {"x": SQUARE}, lambda t, x: t.linalg.det(x)),
    Case("sd.det", lambda x: sd.det(x), {"x": definite("n", "n")}, lambda t, x: t.linalg.det(x),
         "one matrix"),
    Case("sd.logdet", lambda x: sd.logdet(x), {"x": SQUARE}, lambda t, x: t.logdet(x)),
    Case("sd.slogdet", lambda x: sd.slogdet(x), {"x": real("n", 3, 3)},
         lambda t, x: tuple(t.linalg.slogdet(x))),
    Case("sd.eigh", lambda x: sd.eigh(x), {"x": real("n", 3, 3)},
         lambda t, x: _rising(t, *t.linalg.eigh((x + x.transpose(-1, -2)) / 2))),
    Case("sd.svd", lambda x: sd.svd(x), {"x": real("n", 4, 2)},
         lambda t, x: _turned(t, *t.linalg.svd(x, full_matrices=False))),
    Case("sd.svd", lambda x: sd.svd(x)[1], {"x": real(2, 3)}, lambda t, x: t.linalg.svdvals(x), "wide"),
    Case("sd.qr", lambda x: sd.qr(x), {"x": real("n", 4, 2)}, lambda t, x: _upwards(t, *t.linalg.qr(x))),
    Case("sd.pinv", lambda x: sd.pinv(x), {"x": real("n", 4, 2)}, lambda t, x: t.linalg.pinv(x)),
    Case("sd.pinv", lambda x: sd.pinv(x), {"x": real("n", 2, 4)}, lambda t, x: t.linalg.pinv(x), "wide",
         order=1),
    Case("sd.lstsq", sd.lstsq, {"matrix": real("n", 4, 2), "right": real("n", 4, 3)},
         lambda t, matrix, right: t.linalg.pinv(matrix) @ right),
    Case("sd.lstsq", sd.lstsq, {"matrix": real(2, 4), "right": real(2)},
         lambda t, matrix, right: t.linalg.pinv(matrix) @ right, "a vector", order=1),
    Case("sd.inv", lambda x: sd.inv(x), {"x": SQUARE}, lambda t, x: t.linalg.inv(x)),
    Case("sd.solve", sd.solve, {"matrix": SQUARE, "right": real("n", 3, 2)},
         lambda t, matrix, right: t.linalg.solve(matrix, right)),
    Case("sd.solve", sd.solve, {"matrix": definite(2, 2), "right": real(2)},
         lambda t, matrix, right: t.linalg.solve(matrix, right), "a vector"),
    Case("sd.solve_triangular", sd.solve_triangular, {"matrix": SQUARE, "right": real("n", 3, 2)},
         lambda t, matrix, right: t.linalg.solve_triangular(matrix.tril(), right, upper=False)),
    Case("sd.solve_triangular", lambda matrix, right: sd.solve_triangular(matrix, right, lower=False),
         {"matrix": definite(2, 2), "right": real(2)},
         lambda t, matrix, right: t.linalg.solve_triangular(matrix.triu(), right[:, None], upper=True)[:, 0],
         "of the upper triangle"),
    Case("sd.cholesky", lambda x: sd.cholesky(x), {"x": SQUARE},
         lambda t, x: t.linalg.cholesky((x + x.transpose(-1, -2)) / 2)),
    Case("sd.expm", lambda x: sd.expm(x, squarings=2), {"x": SQUARE}, lambda t, x: t.linalg.matrix_exp(x)),
    Case("sd.matrix_power", lambda x: sd.matrix_power(x, 3), {"x": SQUARE},
         lambda t, x: t.linalg.matrix_power(x, 3)),
    Case("sd.matrix_power", lambda x: sd.matrix_power(x, -2), {"x": SQUARE},
         lambda t, x: t.linalg.matrix_power(x, -2), "negative"),
    Case("sd.norm", lambda x: sd.norm(x), {"x": X}, lambda t, x: x.norm(), sizes=FULL),
    Case("sd.norm", lambda x: sd.norm(x, order=1), {"x": X}, lambda t, x: x.abs().sum(), "sum"),
    Case("sd.norm", lambda x: sd.norm(x, order=3), {"x": X}, lambda t, x: x.norm(3), "order 3", FULL),
    Case("sd.norm", lambda x: sd.norm(x, order=float("inf")), {"x": X}, lambda t, x: x.abs().max(),
         "largest", FULL),
    Case("sd.norm", lambda x: sd.norm(x, order=-1), {"x": X}, lambda t, x: x.norm(-1), "order -1", FULL),
    Case("sd.norm", lambda x: sd.norm(x, order=-float("inf")), {"x": X}, lambda t, x: x.abs().min(),
         "smallest", FULL),
    Case("sd.norm", lambda x: sd.norm(x, 1, keepdims=True), {"x": CUBE},
         lambda t, x: x.norm(dim=1, keepdim=True), "along an axis"),
    Case("sd.cdist", sd.cdist, {"x": X, "y": real(2, 3)}, lambda t, x, y: (x[:, None] - y).norm(dim=2)),
    Case("sd.cdist", lambda x, y: sd.cdist(x, y, order=3), {"x": real("n", 2, 3), "y": real("n", 3, 3)},
         lambda t, x, y: (x[:, :, None] - y[:, None]).norm(3, dim=3), "a batch of order 3"),
    Case("sd.cdist", lambda x, y: sd.cdist(x, y, order=float("inf")), {"x": X, "y": real(2, 3)},
         lambda t, x, y: (x[:, None] - y).abs().amax(2), "largest"),
    Case("sd.cosine_similarity", sd.cosine_similarity, {"x": X, "y": X},
         lambda t, x, y: t.nn.functional.cosine_similarity(x, y)),
    Case("sd.cosine_similarity", lambda x, y: sd.cosine_similarity(x, y, 1),
         {"x": real("n", 3), "y": real("n", 1)},
         lambda t, x, y: t.nn.functional.cosine_similarity(x, y), "of one feature for all"),
    Case("sd.cosine_similarity", lambda x, y: sd.cosine_similarity(x, y, 1, epsilon=2),
         {"x": CUBE, "y": CUBE},
         lambda t, x, y: (x * y).sum(1) / (x.norm(dim=1).clamp(2) * y.norm(dim=1).clamp(2)), "of short ones"),
    Case("sd.kron", sd.kron, {"left": X, "right": real(2, 2)}, lambda t, left, right: t.kron(left, right)),
    Case("sd.kron", sd.kron, {"left": real(2), "right": X}, lambda t, left, right: t.kron(left, right),
         "with a vector"),
    Case("sd.diag", lambda x: sd.diag(x, offset=1), {"x": real("n", 3, 3)},
         lambda t, x: x.diagonal(1, 1, 2), "above the diagonal"),
    Case("sd.diag_embed", lambda x: sd.diag_embed(x, offset=-2), {"x": real("n", 3)},
         lambda t, x: t.diag_embed(x, -2)),
    Case("sd.diag", lambda x: sd.diag(x), {"x": real("n")}, lambda t, x: t.diag(x)),
    Case("sd.diag", lambda x: sd.diag(x), {"x": real("n", 3, 3)}, lambda t, x: x.diagonal(dim1=1, dim2=2),
         "of a matrix"),
    Case("sd.eye", lambda x: sd.eye(3) * x, {"x": real("n", 3, 3)}, lambda t, x: t.eye(3) * x),
    Case("sd.eye", lambda x: sd.eye(3, 4, offset=1) * x, {"x": real("n", 3, 4)},
         lambda t, x: t.ones(3, 4).triu(1).tril(1) * x, "beside the diagonal"),
)  # fmt: skip

i, j, k = sd.indices("i j k")

INDEX_NOTATION = (
    Case("sd.define", lambda x, y: sd.define(None, (i, j), sd.Sum(x[i, k] * y[k, j], k) + x[i, 0]),
         {"x": X, "y": real(3, 2)}, lambda t, x, y: x @ y + x[:, :1]),
    Case("sd.define", lambda x: sd.define(None, (i, j), x[i, 2 * j + 1] ** 2, shape=(x.shape[0], 2)),
         {"x": real("n", 5)}, lambda t, x: x[:, 1:4:2] ** 2, "strided"),
    Case("sd.Sum", lambda x: sd.define(None, (i,), sd.Sum(sd.exp(x[i, k]), k) ** 2), {"x": X},
         lambda t, x: x.exp().sum(1) ** 2),
    Case("sd.Prod", lambda x: sd.define(None, (i,), 1 + sd.Prod(x[i, k], k)), {"x": X},
         lambda t, x: 1 + x.prod(1)),
    Case("sd.Max", lambda x: sd.define(None, (i,), 2 * sd.Max(x[i, k], k)), {"x": X},
         lambda t, x: 2 * x.amax(1)),
    Case("sd.LogSumExp", lambda x: sd.define(None, (i,), sd.LogSumExp(2 * x[i, k], k)), {"x": X},
         lambda t, x: (2 * x).logsumexp(1)),
    Case("sd.ArgMax", lambda x: sd.define(None, (i,), sd.ArgMax(x[i, k], k)), {"x": X},
         lambda t, x: x.argmax(1), order=0),
)  # fmt: skip

CASES = (*REDUCTIONS, *CONTRACTIONS, *MATRICES, *INDEX_NOTATION)
