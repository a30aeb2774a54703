"""A case against PyTorch in float64: shapes, values, first and second derivatives, for every size."""

from __future__ import annotations

import warnings
from typing import Any

import symdl as sd

from .case import Case
from .checks import bent, close, computed, gradients


def compare(torch: Any, case: Case) -> None:
    for n in case.sizes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that nothing has no variance
            _compare(torch, case, n)


def _compare(torch: Any, case: Case, n: int) -> None:
    built = case.build(n)
    along = built.directions()
    values = built.values(n, *along.values())
    leaves = {
        str(t.name): torch.tensor(values[str(t.name)], requires_grad=t in built.moving) for t in built.inputs
    }
    assert case.theirs is not None
    given = {name.removeprefix(f"{case.prefix}.").replace(".", "_"): leaf for name, leaf in leaves.items()}
    result = case.theirs(torch, **given)
    results = (result,) if isinstance(result, torch.Tensor) else tuple(result)
    for y, ours, theirs in zip(built.outputs, computed(built.outputs, values), results, strict=True):
        assert tuple(y.shape) == tuple(theirs.shape)
        close(ours, theirs.detach().numpy(), f"{y}, n = {n}")
    if not case.order:
        return
    weights = [torch.tensor(values[str(w.name)]) for w in built.weights]

    results = tuple(y for y in results if y.dtype == torch.float64)

    def slopes(bend: Any, again: bool) -> Any:
        scalar = len(results) == 1 and not results[0].ndim and bend(1) == 1
        loss = (
            results[0] if scalar else sum((w * bend(y)).sum() for w, y in zip(weights, results, strict=True))
        )
        wanted = [leaves[str(t.name)] for t in built.moving]
        return torch.autograd.grad(
            loss, wanted, create_graph=again, materialize_grads=True, retain_graph=True
        )

    for t, ours, theirs in zip(
        built.moving, computed(gradients(built), values), slopes(lambda y: y, False), strict=True
    ):
        close(ours, theirs.numpy(), f"gradient by {t.name}, n = {n}")
    if case.order < 2 or n != case.sizes[0]:
        return
    inner = sum(
        (s * torch.tensor(values[str(along[t].name)])).sum()
        for t, s in zip(built.moving, slopes(bent, True), strict=True)
    )
    wanted = [leaves[str(t.name)] for t in built.moving]
    second = torch.autograd.grad(inner, wanted, materialize_grads=True)
    products = sd.hvp(built.loss(bent), list(built.moving), along)
    for t, ours, theirs in zip(built.moving, computed(products, values), second, strict=True):
        close(ours, theirs.numpy(), f"Hessian of {t.name}, n = {n}")
