"""Every line about a mean is an equation between numbers: means are taken by quadrature, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation import tree as t
from symdl.express.program import collect
from symdl.express.tensors import Access, Tensor
from symdl.run.reference.interpreter import evaluate
from tests.explain.shown import Shown, dims_of

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
WEIGHTS = WEIGHTS / np.sqrt(2 * np.pi)
rng = np.random.default_rng(5)
z, w, a = sd.tensor("z", (2,)), sd.tensor("w", (2,)), sd.tensor("a", (2,))
M, V = sd.tensor("M", (2,)), sd.tensor("V", (2,))
K, B = sd.tensor("K", (2, 2), symmetric=True), sd.tensor("B", (2, 2))
VALUES = {
    a: rng.normal(size=2) / 2,
    M: rng.normal(size=2) / 2,
    V: rng.random(2) / 2 + 0.1,
    K: np.array([[0.4, 0.15], [0.15, 0.3]]),
    B: rng.normal(size=(2, 2)) / 2,
}
x, y, m, v = sp.symbols("x y m v", real=True)
NUMBERS = {m: 0.4, v: 0.5}


@dataclass
class Over(Shown):
    """Means of what is shown, over points with weights; what is not random is the same at each."""

    points: tuple[tuple[float, Shown], ...] = ()

    def value(self, node: t.Node, at: Mapping[Any, int] | None = None) -> Any:
        match node:
            case t.Call(name="E", args=(inner,)):
                return sum(weight * here.value(inner, at) for weight, here in self.points)
            case t.Call(name="Cov", args=(left, right)):
                pairs = [
                    (weight, here.value(left, at), here.value(right, at)) for weight, here in self.points
                ]
                first, second = (sum(p[0] * p[k] for p in pairs) for k in (1, 2))
                return sum(weight * (one - first) * (other - second) for weight, one, other in pairs)
        return super().value(node, at)


def indices_of(node: t.Node) -> list[Any]:
    """The index variables of a side that no sum in it binds."""
    bound = {i for big in t.walk(node) if isinstance(big, t.Big) for i, _ in big.axes}
    found = [i for item in t.walk(node) if isinstance(item, t.Item) for i in item.indices]
    return list(dict.fromkeys(i for i in found if isinstance(i, t.Symbol) and i not in bound))


def checked(derivation: Derivation, world: Over) -> int:
    """Compare both sides of each line at all positions, here of axes of two; return the number of lines."""
    count, one = 0, world.points[0][1]
    for step in derivation.at("all").steps:
        assert step.left is not None
        about_means = any(isinstance(n, t.Call) and n.name in ("E", "Cov") for n in t.walk(step.left))
        here = world if about_means else one  # definitions hold at each point
        names = [i.expr for i in indices_of(step.left)]
        for position in np.ndindex(*(2 for _ in names)):
            at = dict(zip(names, position, strict=True))
            left, right = (here.value(side, at) for side in (step.left, step.right))
            np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-11, err_msg=str(step))
        count += 1
    return count


def world_of(f: Tensor, laws: Mapping[Tensor, tuple[Any, Any]]) -> Over:
    """Points of quadrature over all random elements, each with all tensors that f is computed from."""
    sizes = [len(mean) for mean, _ in laws.values()]
    program, points = collect([f]), []
    for place in np.ndindex(*(len(NODES) for _ in range(sum(sizes)))):
        noise, arrays = np.split(NODES[list(place)], np.cumsum(sizes)[:-1]), dict(VALUES)
        for (random, (mean, spread)), e in zip(laws.items(), noise, strict=True):
            arrays[random] = mean + np.linalg.cholesky(spread) @ e
        given = {str(i.name): arrays[i] for i in program.inputs}
        arrays |= evaluate(program, given)
        points.append((float(np.prod(WEIGHTS[list(place)])), Shown(arrays, dims_of(arrays))))
    return Over(VALUES, dims_of(VALUES), tuple(points))


@pytest.mark.parametrize(
    "f",
    [
        *(z @ B @ z, (z**2).sum() * (a @ z), ((B @ z - a) ** 2).sum(), sd.exp(a @ z), z * sd.exp(a @ z)),
        *(sd.sin(B @ z), sd.cos(a @ z) * (a @ z) ** 2, (sd.erf(z) + 3 * z).sum(), z),
    ],
    ids="square cubic distance growth tilted sine wave erf itself".split(),
)
def test_lines_about_correlated_numbers_hold(f: Tensor) -> None:
    derivation = sd.derive_expectation(f, {z: sd.Normal(M, K)})
    assert checked(derivation, world_of(f, {z: (VALUES[M], VALUES[K])})) >= 3


def test_lines_about_independent_numbers_hold() -> None:
    f = (B @ z) ** 2 + z * sd.exp(z)
    derivation = sd.derive_expectation(f, {z: sd.Normal(0, variance=V)})
    assert checked(derivation, world_of(f, {z: (np.zeros(2), np.diag(VALUES[V]))})) >= 3


@pytest.mark.parametrize("f", [x**2, x**4 - 3 * x, x * sp.exp(x), sp.cos(2 * x) * x, x * y**2 + sp.sin(y)])
def test_lines_about_symbols_hold(f: sp.Expr) -> None:
    derivation = sd.derive_expectation(f, {x: sd.Normal(m, v), y: sd.Normal(0, 1)})
    points = []
    for one, other in np.ndindex(len(NODES), len(NODES)):
        at = {**NUMBERS, x: NUMBERS[m] + np.sqrt(NUMBERS[v]) * NODES[one], y: NODES[other]}
        arrays = {n.tensor: np.asarray(at[sp.Symbol(n.tensor.name, real=True)]) for n in elements(derivation)}
        points.append((float(WEIGHTS[one] * WEIGHTS[other]), Shown(arrays, at)))
    assert checked(derivation, Over({}, NUMBERS, tuple(points))) >= 3


def elements(derivation: Derivation) -> list[Any]:
    """The tensors of rank 0 that stand for random symbols."""
    sides = [s for step in derivation.at("all").steps for s in (step.left, step.right) if s is not None]
    return [
        n.expr for s in sides for n in t.walk(s) if isinstance(n, t.Symbol) and isinstance(n.expr, Access)
    ]
