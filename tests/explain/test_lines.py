"""Every line of a derivation has the value of its neighbours and of what stands at its left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.explain.derive import derive
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation import tree as t
from symdl.explain.sections import Lines, Step
from symdl.express import functions
from symdl.express import operators as op
from symdl.express.build import parameter, sums_to_one, tensor
from symdl.express.dims import Dim
from symdl.express.program import collect
from symdl.express.stopping import stop_gradient
from symdl.express.tensors import Access, Tensor
from symdl.nn import activations
from symdl.nn.layers import dense
from symdl.run.reference.interpreter import evaluate

from .shown import Shown, dims_of

n = Dim("n")
MOST_POSITIONS = 8


def agree(derivation: Derivation, world: Shown) -> int:
    """Check all lines; return how many were compared."""
    count = 0
    gathered: dict[Any, tuple[t.Node, Any]] = {}  # the terms of one tensor may have other index names
    for section in derivation.at("all").sections:
        if not isinstance(section, Lines):
            continue
        left: t.Node | None = None
        relation = "="
        for step in section.steps:
            if step.left is not None:
                left, relation = step.left, step.relation
            assert left is not None
            if isinstance(left, t.Item) and not all(isinstance(i, t.Symbol) for i in left.indices):
                spread = spread_over(world, left, step)
                np.testing.assert_allclose(spread, world.arrays[left.tensor], rtol=1e-9, err_msg=str(step))
                count += 1
                continue
            value = over_grid(world, left, step)
            if relation == "+=":
                if step.left is not None:
                    key = left.tensor if isinstance(left, t.Item) else left
                    gathered[key] = (left, gathered.get(key, (left, 0))[1] + value)
                    latest = value
                else:
                    np.testing.assert_allclose(value, latest, rtol=1e-9, atol=1e-12)
            else:
                expected = over_grid(world, left, replace(step, right=left))
                np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12, err_msg=str(step))
            count += 1
    for left, value in gathered.values():
        step = Step("", left, left)
        np.testing.assert_allclose(value, over_grid(world, left, step), rtol=1e-9, atol=1e-12)
    return count


def over_grid(world: Shown, left: t.Node, step: Step) -> Any:
    """The value of a line at the positions of its left side: at all of them, or spread over a large array."""
    if isinstance(left, t.Partial) and all(isinstance(x, t.Item) for x in (left.top, left.bottom)):
        return over_pairs(world, left, step)
    if isinstance(left, t.Partial) and isinstance(left.value, t.Item):
        left = left.value
    if not isinstance(left, t.Item):
        return np.asarray(world.value(step.right), dtype=float)
    names = [i.expr for i in left.indices if isinstance(i, t.Symbol)]
    every = list(np.ndindex(*np.shape(world.arrays[left.tensor])))
    chosen = every[:: 1 + len(every) // MOST_POSITIONS]
    return np.array(
        [world.value(step.right, dict(zip(names, where, strict=True))) for where in chosen], float
    )


def spread_over(world: Shown, left: t.Item, step: Step) -> Any:
    """What a line whose left side has a computed place, ``x[2 h + r]``, says of the whole array."""
    sizes: dict[Any, int] = {}
    for item in (x for x in t.walk(step.right) if isinstance(x, t.Item)):
        pairs = zip(item.indices, np.shape(world.arrays[item.tensor]), strict=True)
        sizes |= {i.expr: size for i, size in pairs if isinstance(i, t.Symbol)}
    assert step.about is not None  # says how far the window reaches
    reach = [x for x in t.walk(step.about) if isinstance(x, t.Compare)]
    sizes |= {x.left.expr: int(world.value(x.right)) for x in reach if isinstance(x.left, t.Symbol)}
    total, visits = (np.zeros(np.shape(world.arrays[left.tensor])) for _ in range(2))
    for position in np.ndindex(*sizes.values()):
        at = dict(zip(sizes, position, strict=True))
        where = tuple(round(world.value(i, at)) for i in left.indices)
        if all(0 <= i < size for i, size in zip(where, total.shape, strict=True)):
            total[where] += world.value(step.right, at)
            visits[where] += 1
    assert (visits.max() > 1) == (step.relation == "+=")
    return total


def world_of(derivation: Derivation, loss: Tensor, values: dict[str, Any], facts: Any = ()) -> Shown:
    """Evaluate everything that the lines of a derivation speak of, each name by its own definition."""
    program = derivation.program
    assert program is not None
    loss = loss if loss in program.outputs else program.outputs[0]  # intermediates got names
    arrays = evaluate(program, values)
    for _ in range(3):
        for tensor_ in mentioned(derivation):
            if tensor_ not in arrays:
                cotangent_of(tensor_, loss, arrays, values, facts)
    return Shown(arrays, dims_of(arrays))


def mentioned(derivation: Derivation) -> list[Tensor]:
    """Every tensor that occurs in a line."""
    found: dict[Tensor, None] = {}
    for step in derivation.at("all").steps:
        for side in (step.left, step.right):
            for node in t.walk(side) if side is not None else ():
                if isinstance(node, t.Item | t.Array):
                    found[node.tensor] = None
                elif isinstance(node, t.Symbol) and isinstance(node.expr, Access):
                    found[node.expr.tensor] = None
    return list(found)


def cotangent_of(one: Tensor, loss: Tensor, arrays: dict[Tensor, Any], values: Any, facts: Any) -> None:
    """The value of a cotangent that clean-up removed, or of a one-hot array that exists on paper only."""
    if one.equation is not None and one.role != "cotangent":  # defined, but replaced by something equal
        program = collect([loss, one])  # the loss's inputs show the sizes
        known = {t.name: values[t.name] for t in program.inputs if t.value is None}
        arrays[one] = evaluate(program, known)[one]
    elif one.of is None:
        (labels,) = [a for x, a in arrays.items() if x.dtype == "int64" and x.role == "input"]
        arrays[one] = np.eye(one.shape[-1])[labels]
    elif one.of is loss:
        arrays[one] = np.asarray(1.0)
    else:
        derivative = differentiate(loss, [one.of], facts=facts)
        program = derivative.program
        known = {t.name: values[t.name] for t in program.inputs if t.value is None}
        arrays[one] = evaluate(program, known)[derivative.gradient(one.of)]


def over_pairs(world: Shown, left: t.Partial, step: Step) -> Any:
    """The value of a line about the derivative of one element with respect to another, at all of both."""
    places: dict[Any, int] = {}
    for side in (left.top, left.bottom):
        assert isinstance(side, t.Item)
        sizes = zip(side.indices, np.shape(world.arrays[side.tensor]), strict=True)
        places |= {i.expr: size for i, size in sizes if isinstance(i, t.Symbol)}
    every = list(np.ndindex(*places.values()))[:MOST_POSITIONS]
    return np.array([world.value(step.right, dict(zip(places, at, strict=True))) for at in every], float)


def random_values(loss: Tensor, rows: int, classes: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for one in collect([loss]).inputs:
        shape = tuple(rows if size == n else int(size) for size in one.shape)
        if one.dtype == "int64":
            values[str(one.name)] = rng.integers(0, classes, shape)
        elif one.name == "Y":
            raw = rng.random(shape)
            values["Y"] = raw / raw.sum(-1, keepdims=True)
        else:
            values[str(one.name)] = rng.normal(size=shape)
    return values


def network(kind: str, activation: Any) -> tuple[Tensor, Any]:
    x = tensor("X", (n, 3))
    h = dense(x, 4, activation=activation, name="first")
    z = dense(h, 2, name="second")
    if kind == "labels":
        return nn.cross_entropy(z, tensor("t", (n,), dtype="int64")), ()
    y = tensor("Y", (n, 2))
    if kind == "dense targets":
        return nn.cross_entropy(z, y), ()
    if kind == "declared":
        return nn.cross_entropy(z, y), (sums_to_one(y),)
    if kind == "binary":
        return nn.binary_cross_entropy(z, y), ()
    if kind == "softmax":
        return nn.mean_squared_error(activations.softmax(z, name="S"), y), ()
    if kind == "maximum":
        return op.reduce("mean", op.reduce("max", z, 1), name="L"), ()
    return nn.mean_squared_error(z, y), ()


KINDS = ("labels", "dense targets", "declared", "binary", "squares", "softmax", "maximum")
ACTIVATIONS = (
    activations.relu,
    activations.sigmoid,
    activations.tanh,
    activations.leaky_relu,
    activations.softplus,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.__name__)
def test_networks(kind: str, activation: Any) -> None:
    loss, facts = network(kind, activation)
    for name in ("first.W", "first.b", "second.W"):
        derivation = derive(loss, name, facts=facts)
        values = random_values(loss, 3, 2, 5)
        world = world_of(derivation, loss, values, facts)
        assert agree(derivation, world) > 10


def test_a_parameter_used_twice() -> None:
    x, w = tensor("x", (n, 3)), parameter("W", (3, 3))
    loss = ((x @ w) @ w).sum()
    derivation = derive(loss, "W")
    values = random_values(loss, 2, 0, 1)
    assert agree(derivation, world_of(derivation, loss, values)) > 3


X, Y, Z = sp.symbols("x y z")


def logistic(u: sp.Expr) -> sp.Expr:
    return 1 / (1 + sp.exp(-u))


def scalars() -> st.SearchStrategy[sp.Expr]:
    leaves = st.sampled_from([X, Y, Z, sp.Integer(2), sp.Rational(1, 3)])

    def grow(inner: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
        pairs = st.tuples(inner, inner)
        functions = st.sampled_from(
            [sp.sin, sp.cos, sp.exp, sp.tanh, sp.atan, lambda u: 1 / (1 + sp.exp(-u))]
        )
        return st.one_of(
            pairs.map(lambda p: p[0] + p[1]),
            pairs.map(lambda p: p[0] - p[1]),
            pairs.map(lambda p: p[0] * p[1]),
            pairs.map(lambda p: p[0] / (2 + p[1] ** 2)),
            inner.map(lambda e: e**2),
            st.tuples(functions, inner).map(lambda p: p[0](p[1])),
        )

    return st.recursive(leaves, grow, max_leaves=6)


@given(scalars(), st.integers(0, 1000))
def test_scalar_functions(f: sp.Expr, seed: int) -> None:
    for wrt in sorted(f.free_symbols, key=str):
        derivation = derive(f, wrt)
        rng = np.random.default_rng(seed)
        point = {s: float(rng.uniform(-1, 1)) for s in f.free_symbols}
        check_scalar(derivation, f, wrt, point)


STEP = sp.Float(10, 60) ** -20


def check_scalar(derivation: Derivation, f: sp.Expr, wrt: sp.Symbol, point: dict[sp.Symbol, float]) -> None:
    program = derivation.program
    assert program is not None
    world_values = dict(point)
    arrays = evaluate(
        program, {str(i.name): next(v for s, v in point.items() if s.name == i.name) for i in program.inputs}
    )
    for node in derivation.graph:
        assert isinstance(node.name, t.Symbol)
        world_values[node.name.expr] = Shown(symbols=world_values).value(node.operation)
    world = Shown(arrays, world_values)
    around = [f.evalf(60, subs={**point, wrt: sp.Float(point[wrt], 60) + h}) for h in (-(STEP), STEP)]
    exact = complex((around[1] - around[0]) / (2 * STEP)).real
    chain = next((s for s in derivation.sections if s.title == "Chain rule"), None)
    lines = chain.steps if isinstance(chain, Lines) else ()
    for step in (*lines, *derivation.at("result").steps):
        np.testing.assert_allclose(world.value(step.right), exact, rtol=1e-9, atol=1e-12, err_msg=str(step))
    np.testing.assert_allclose(float(derivation.result.evalf(subs=point)), exact, rtol=1e-9, atol=1e-12)


def test_named_intermediates() -> None:
    delta, z, u, y, x, a, b = sp.symbols("Delta_i z_i yhat_i y_i x_i theta_1 theta_2")
    where = {delta: z - y, z: 1 / (1 + sp.exp(-u)), u: a * x + b}
    derivation = derive(delta**2, a, where=where, name="L_i")
    point = {y: 1.0, x: 2.0, a: 0.5, b: -0.25}
    assert float(derivation.result.evalf(subs=point)) == pytest.approx(-0.279621421367, abs=1e-12)
    whole = (delta**2).subs(delta, z - y).subs(z, 1 / (1 + sp.exp(-u))).subs(u, a * x + b)
    values = {u: 0.75, z: 1 / (1 + np.exp(-0.75)), delta: 1 / (1 + np.exp(-0.75)) - 1, **point}
    (chain,) = [s for s in derivation.sections if s.title == "Chain rule"]
    exact = float(whole.diff(a).evalf(subs=point))
    assert isinstance(chain, Lines)
    for step in chain.steps:
        world = Shown(symbols={**values, **{sp.Symbol(s.name, real=True): v for s, v in values.items()}})
        assert world.value(step.right) == pytest.approx(exact, rel=1e-9)


def test_remainders_and_what_is_stopped_read_as_mathematics() -> None:
    x = tensor("x", (n, 4))
    loss = (functions.mod(x, 2) ** 2 * stop_gradient(x)).sum()
    shown = derive(loss, x)
    assert "mod(x[i,j], 2)²·sg(x[i,j])" in str(shown)
    assert str(shown).splitlines()[-1].strip().startswith("x̄[i,j] = 2·mod(x[i,j], 2)·sg(x[i,j])  ")
    assert "⌊x[i,j]/2⌋" in str(derive((functions.floor(x / 2) * x).sum(), x))
    assert r"(x_{ij} \bmod 2)^2 \operatorname{sg}(x_{ij})" in shown.latex()
