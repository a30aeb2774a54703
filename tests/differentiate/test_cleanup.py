"""Clean-up: every recorded step keeps the values, and what is left is what a textbook writes."""

from __future__ import annotations

import cProfile
import pstats
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl.differentiate import local
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.gradients import grad
from symdl.differentiate.record import Derivative
from symdl.express.build import parameter, parameters, sums_to_one, tensor
from symdl.express.dims import Dim, indices
from symdl.express.equations import Equation, InRange
from symdl.express.operators import elementwise, reduce
from symdl.express.program import Fact, Program, collect
from symdl.express.surface import LogSumExp, Max, Sum, define
from symdl.express.tensors import Access, Tensor
from symdl.nn.attention import attention
from symdl.run.reference.binding import bind_dims
from symdl.run.reference.interpreter import evaluate, evaluate_equation

from .formulas import ACTIVATIONS
from .oracles import given

n = Dim("n")
i, j, k, p, r = indices("i j k p r")
Model = tuple[Tensor, tuple[Fact, ...]]
GOLDEN = Path(__file__).parent / "golden"


def network(
    depth: int, formula: Callable[[sp.Expr], sp.Expr], *, dense: bool = False, width: int = 3
) -> Model:
    """A multilayer perceptron with cross-entropy over labels, or over rows that sum to one."""
    h, size = tensor("X", (n, 5)), 5
    for layer in range(1, depth + 1):
        out = 3 if layer < depth else 2
        w, b = parameter(f"W{layer}", (size, out)), parameter(f"b{layer}", (out,))
        h, size = h @ w + b, out
        if layer < depth:
            h = elementwise(formula, h, name=f"A{layer}")
    if dense:
        y = tensor("Y", (n, 2))
        loss = define("L", (), Sum(y[i, j] * (LogSumExp(h[i, k], k) - h[i, j]), i, j) / n)
        return loss, (sums_to_one(y),)
    t = tensor("t", (n,), dtype="int64")
    return define("L", (), Sum(LogSumExp(h[i, j], j) - h[i, t[i]], i) / n), ()


def text(program: Program) -> str:
    """The equations with unique names in the place of serial numbers."""
    names = {t.serial: name for t, name in program.names.items()}
    lines = (re.sub(r"#(\d+)", lambda m: names.get(int(m[1]), m[0]), str(e)) for e in program.equations)
    return "\n".join(lines) + "\n"


def norms() -> Model:
    x, g = tensor("X", (n, 5)), parameter("g", (5,))
    centred = x - x.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    y = centred / elementwise(lambda v: sp.sqrt(v + sp.Rational(1, 100)), variance) * g
    return (elementwise(sp.sin, y) * x).sum(), ()


def softmaxes() -> Model:
    x, w = tensor("X", (n, 5)), parameter("w", (5,))
    z = x * w
    e = elementwise(sp.exp, z - reduce("max", z, 1, keepdims=True))
    total = elementwise(sp.log, elementwise(sp.exp, z).sum(axis=1)).sum()
    return ((e / e.sum(axis=1, keepdims=True)) ** 2).sum() + total, ()


def windows() -> Model:
    x, w = tensor("X", (n, 5)), parameter("w", (3,))
    y = define("Y", (i, p), Sum(x[i, 2 * p + r] * w[r], r), shape=(n, 2))
    peak = define("M", (i, p), Max(x[i, p + r], (r, 3)), shape=(n, 3))
    slope = grad(elementwise(sp.tanh, y).sum() + (peak**2).sum(), x)
    return (slope**2).sum() + x.reshape(-1).sum() + (w * 2).sum(), ()


def masked() -> Model:
    """Attention, and a sum that only its guard keeps in range; factors of both are 0 where guards fail."""
    x, w = tensor("X", (n, 5)), parameter("w", (5, 5))
    mixed = attention(x @ w, x, x, causal=True)
    band = InRange(p - k, 5)
    low = define("low", (p, k), w[p, k] ** 2, shape=(5, 5), guards=[band])
    shifted = define(None, (), Sum((low[p, k] * w[p - k, k]) ** 2, (p, 5), (k, 5)), guards=[band])
    return (mixed**2).sum() + shifted, ()


MODELS: dict[str, Callable[[], Model]] = {
    **{f"mlp {name}": lambda f=formula: network(3, f) for name, (formula, _) in ACTIVATIONS.items()},  # type: ignore[misc]
    "mlp rows": lambda: network(3, sp.tanh, dense=True),
    "norms": norms,
    "softmaxes": softmaxes,
    "windows": windows,
    "masked": masked,
}
POINTS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "random": lambda rng, shape: rng.normal(size=shape),
    "zeros": lambda rng, shape: np.zeros(shape),
    "ties": lambda rng, shape: rng.integers(-1, 2, shape).astype(float),
    "large": lambda rng, shape: rng.choice([-1000.0, -30.0, 0.0, 30.0, 1000.0], shape),
}


def point(inputs: Sequence[Tensor], kind: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    values: dict[str, np.ndarray] = {}
    for t in inputs:
        shape = tuple(4 if size == n else int(size) for size in t.shape)
        values[str(t.name)] = POINTS[kind](rng, shape) if t.role == "parameter" else rng.normal(size=shape)
        if t.dtype == "int64":
            values[str(t.name)] = rng.integers(0, 2, shape)
        elif t.name == "X":
            values["X"] = POINTS[kind](rng, shape)
        elif t.name == "Y":
            values["Y"] = np.eye(2)[rng.integers(0, 2, 4)]
    return values


def assert_same(before: np.ndarray, after: np.ndarray, what: object) -> None:
    """Equal up to rounding wherever `before` is a number; a rewrite may only remove infinities."""
    known = np.isfinite(before)
    assert np.isfinite(after[known]).all(), what
    np.testing.assert_allclose(after[known], before[known], rtol=1e-9, atol=1e-12, err_msg=str(what))


def derived(name: str) -> tuple[Derivative, Program]:
    loss, facts = MODELS[name]()
    wrt = collect([loss]).inputs
    real = [t for t in wrt if t.dtype == "real" and t.name != "Y"]
    return differentiate(loss, real, facts=facts), collect([loss])


def evaluated(name: str, kind: str) -> tuple[Derivative, dict[Tensor, Any], Any]:
    """A model's derivative, the arrays of all its tensors at a point, and the sizes there."""
    derivative, written = derived(name)
    inputs = derivative.program.inputs
    arrays = evaluate(written, given(written.inputs, point(inputs, kind)))
    arrays |= evaluate(derivative.program, point(inputs, kind))
    return derivative, arrays, bind_dims(derivative.program, arrays)


@pytest.mark.parametrize("kind", POINTS)
@pytest.mark.parametrize("name", MODELS)
def test_every_rewrite_keeps_the_values(name: str, kind: str) -> None:
    derivative, arrays, dims = evaluated(name, kind)
    assert derivative.record.rewrites
    for rewrite in derivative.record.rewrites:
        with np.errstate(all="ignore"):
            before = evaluate_equation(rewrite.before, arrays, dims)
            after = before if rewrite.after is None else evaluate_equation(rewrite.after, arrays, dims)
        assert_same(before, after, f"{rewrite.rule}: {rewrite.before} -> {rewrite.after}")
        arrays.setdefault(rewrite.before.lhs, after)


@pytest.mark.parametrize("kind", POINTS)
@pytest.mark.parametrize("name", MODELS)
def test_every_contribution_shows_the_derivative_that_is_used(name: str, kind: str) -> None:
    """`local` is the plain derivative, `weight` what the kernel computes, written with known values."""
    derivative, arrays, dims = evaluated(name, kind)
    for contribution in derivative.record.contributions:
        via = contribution.via
        if via.reduction is not None:
            continue
        bodies = (contribution.local, contribution.weight)
        sides = [Equation(via.lhs, via.indices, body, None, via.guards) for body in bodies]
        with np.errstate(all="ignore"):
            plain, used = (evaluate_equation(side, arrays, dims) for side in sides)
        assert_same(plain, used, f"{contribution.local} -> {contribution.weight}")


def contractions(program: Program) -> list[Equation]:
    sums = [e for e in program.equations if e.reduction is not None and e.reduction.op == "sum"]
    return [e for e in sums if len(e.body.atoms(Access)) > 1 and e.lhs.rank]


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("mlp")])
def test_contractions_have_two_factors(name: str) -> None:
    derivative, _ = derived(name)
    found = contractions(derivative.program)
    assert len(found) >= 8
    for equation in found:
        factors = [f for f in sp.Mul.make_args(equation.body) if f.atoms(Access)]
        assert len(factors) == 2 and all(isinstance(f, Access) for f in factors), equation


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "softplus"])
def test_the_text_of_a_network(name: str) -> None:
    loss, _ = network(3, ACTIVATIONS[name][0])
    found = text(differentiate(loss, parameters(loss)).program)
    assert found == (GOLDEN / f"mlp_{name}.txt").read_text()


def test_the_text_of_a_network_with_a_declared_fact() -> None:
    loss, facts = network(2, sp.tanh, dense=True)
    with_fact = text(differentiate(loss, parameters(loss), facts=facts).program)
    assert with_fact == (GOLDEN / "mlp_fact.txt").read_text()
    assert "t3_bar[i, j] = (-Y[i, j] + exp(t3[i, j] - t4[i]))/n\n" in with_fact
    honest = text(differentiate(loss, parameters(loss)).program)
    assert "t4_bar[i] = sum_{j} Y[i, j]/n\n" in honest


def test_a_fact_is_an_algebraic_step() -> None:
    loss, facts = network(2, sp.tanh, dense=True)
    record = differentiate(loss, parameters(loss), facts=facts).record
    assert [r.level for r in record.rewrites if r.rule == "fact: sums_to_one"] == ["algebraic"]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (lambda z: 1 / (1 + sp.exp(-z)), "a[i]*(1 - a[i])"),
        (sp.tanh, "1 - a[i]**2"),
        (sp.exp, "a[i]"),
        (lambda z: 1 / z, "-a[i]**2"),
        (sp.sqrt, "1/(2*a[i])"),
        (lambda z: sp.log(1 + sp.exp(z)), "1/(1 + exp(-z[i]))"),
        (lambda z: 2 / (1 + sp.exp(-2 * z)) - 1, "1 - a[i]**2"),
        (lambda z: sp.Max(z, 0), "Piecewise((1, z[i] > 0), (0, True))"),
        (lambda z: z**3, "3*z[i]**2"),
    ],
)
def test_derivatives_in_terms_of_the_output(formula: Callable[[sp.Expr], sp.Expr], expected: str) -> None:
    z = tensor("z", (n,))
    a = elementwise(formula, z, name="a")
    w = tensor("w", (n,))
    derivative = differentiate((a * w).sum(), [z])
    (own,) = [c for c in derivative.record.contributions if c.tensor is z]
    shown = sp.sympify(expected.replace("[i]", ""), locals={"a": sp.Symbol("a"), "z": sp.Symbol("z")})
    weight = own.weight.xreplace({a.at(own.via.indices[0]): sp.Symbol("a")})
    weight = weight.xreplace({z.at(own.via.indices[0]): sp.Symbol("z")})
    assert sp.expand(weight - shown) == 0


def test_reuse_brings_in_no_denominator_of_the_inputs() -> None:
    z = tensor("z", (n,))
    a = elementwise(lambda v: v / (1 + sp.exp(-v)), z, name="a")
    derivative = differentiate(a.sum(), [z])
    found = evaluate(derivative.program, {"z": [0.0, 1000.0, -1000.0]})[derivative.gradient(z)]
    np.testing.assert_allclose(found, [0.5, 1.0, 0.0])


@pytest.mark.parametrize("causal", [False, True])
def test_the_softmax_of_an_attention(causal: bool) -> None:
    """``S_bar = P (P_bar - sum P_bar P) / sqrt(d)``, with no condition: `P` is 0 where it fails."""
    q = parameter("q", (5, 4))
    derivative = differentiate((attention(q, q, tensor("v", (5, 3)), causal=causal) ** 2).sum(), [q])
    equations = derivative.program.equations
    rules = {e.lhs: e.origin.rule for e in equations}
    bars = {rules[e.lhs.of]: e for e in equations if e.lhs.role == "cotangent" and e.lhs.of in rules}
    shares, scores, totals = bars["softmax"].lhs, bars["scores"], bars["definition"]
    (a, b), where = scores.indices, (*totals.indices, *totals.bound)
    assert shares.of is not None
    assert scores.body == shares.of[a, b] * (shares[a, b] + totals.lhs[a]) / 2
    assert totals.body == -shares.of[where] * shares[where]
    assert not scores.guards and not totals.guards and scores.reduction is None


def test_a_guard_that_keeps_an_access_in_range_stays() -> None:
    derivative, _ = derived("masked")
    (low,) = (e for e in derivative.program.equations if e.lhs.of and e.lhs.of.name == "low")
    assert any(isinstance(guard, InRange) for guard in low.guards)


def test_equal_definitions_are_computed_once() -> None:
    x = tensor("x", (n, 4))
    first, second = reduce("max", x, 1), reduce("max", x, 1)
    derivative = differentiate((first * second).sum(), [x])
    arguments = [e for e in derivative.program.equations if e.lhs.role == "index"]
    assert len(arguments) == 1
    at = np.arange(8.0).reshape(2, 4)
    found = evaluate(derivative.program, {"x": at})[derivative.gradient(x)]
    np.testing.assert_array_equal(found, [[0, 0, 0, 6], [0, 0, 0, 14]])


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_the_work_grows_linearly_with_depth(name: str) -> None:
    def counts(depth: int) -> tuple[int, ...]:
        loss, _ = network(depth, ACTIVATIONS[name][0])
        derivative = differentiate(loss, parameters(loss))
        record = derivative.record
        return len(derivative.program.equations), len(record.rewrites), len(record.contributions)

    few, more, many = counts(4), counts(5), counts(12)
    assert many == tuple(a + (b - a) * 8 for a, b in zip(few, more, strict=True))


def test_a_deep_network_needs_no_further_scalar_derivative() -> None:
    for depth in (3, 4):
        loss, _ = network(depth, sp.tanh)
        differentiate(loss, parameters(loss))
    before = local._differentiate.cache_info().misses
    loss, _ = network(20, sp.tanh)
    differentiate(loss, parameters(loss))
    assert local._differentiate.cache_info().misses == before


def test_the_number_of_calls_grows_linearly_with_depth() -> None:
    def calls(depth: int) -> int:
        loss, _ = network(depth, ACTIVATIONS["relu"][0])
        wrt = parameters(loss)
        with cProfile.Profile() as profile:
            differentiate(loss, wrt)
        return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    calls(5)
    assert calls(50) < 6 * calls(10)
