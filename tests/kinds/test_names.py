"""Names change nothing: a formula has the same digits whether its parts have names or are used twice, or not.

The kind: ``log(1 + E)`` with ``E = exp(X)`` was infinite at 800 as soon as `E` had a name, and in a scalar
function every operation has one. Cause: safe forms were looked for inside one equation only. Right values:
mpmath with 800 digits, closed forms where stated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.prepare import STABLE, prepare
from symdl.express.computed import computed
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate, outputs

n = sd.Dim("n")
x = sp.Symbol("x")
POINTS = (-800.0, -40.0, -8.5, -1.0, -1e-9, 1e-300, 1e-9, 0.3, 3.0, 8.5, 40.0, 800.0)
Function = Callable[[Any], Any]


def sigma(t: Any) -> Any:
    return 1 / (1 + mp.exp(-t))


def normal(t: Any) -> Any:
    return mp.erfc(-t / mp.sqrt(2)) / 2


SIGMOID = 1 / (1 + sp.exp(-x))
SCALARS: dict[str, tuple[sp.Expr, Function, int]] = {
    "softplus": (sp.log(1 + sp.exp(x)), lambda t: mp.log1p(mp.exp(t)), 4),
    "softplus, a float": (sp.log(1.0 + sp.exp(x)), lambda t: mp.log1p(mp.exp(t)), 4),
    "log of a larger sum": (sp.log(2 + sp.exp(x)), lambda t: mp.log(2 + mp.exp(t)), 60),
    "sigmoid": (SIGMOID, sigma, 4),
    "1 - sigmoid": (1 - SIGMOID, lambda t: sigma(-t), 4),
    "log of a sigmoid": (sp.log(SIGMOID), lambda t: -mp.log1p(mp.exp(-t)), 4),
    "log of 1 - sigmoid": (sp.log(1 - SIGMOID), lambda t: -mp.log1p(mp.exp(t)), 4),
    "exp over 1 + exp": (sp.exp(x) / (1 + sp.exp(x)), sigma, 4),
    "1 over 2 + exp": (1 / (2 + sp.exp(x)), lambda t: 1 / (2 + mp.exp(t)), 60),
    "log1p": (sp.log(1 + x), mp.log1p, 4),
    "log1p of 2 x": (sp.log(1 + 2 * x), lambda t: mp.log1p(2 * t), 4),
    "log1p of -x": (sp.log(1 - x), lambda t: mp.log1p(-t), 4),
    "log1p, a float": (sp.log(x + 1.0), mp.log1p, 4),
    "expm1": (sp.exp(x) - 1, mp.expm1, 4),
    "1 - exp": (1 - sp.exp(-2 * x), lambda t: -mp.expm1(-2 * t), 4),
    "log of exp - 1": (sp.log(sp.exp(x) - 1), lambda t: mp.log(mp.expm1(t)), 4),
    "log of 1 - exp": (sp.log(1 - sp.exp(-x)), lambda t: mp.log(-mp.expm1(-t)), 4),
    "log cosh": (sp.log(sp.cosh(x)), lambda t: mp.log(mp.cosh(t)), 4),
    "log of a mean of two": (sp.log(sp.exp(x) / 2 + sp.exp(-x) / 2), lambda t: mp.log(mp.cosh(t)), 4),
    "tanh by exponentials": (
        (sp.exp(x) - sp.exp(-x)) / (sp.exp(x) + sp.exp(-x)),
        mp.tanh,
        4,
    ),
    "tanh by one exponential": ((sp.exp(2 * x) - 1) / (sp.exp(2 * x) + 1), mp.tanh, 4),
    "tanh by a sigmoid": (2 / (1 + sp.exp(-2 * x)) - 1, mp.tanh, 4),
    "1 + tanh": (1 + sp.tanh(x), lambda t: 2 * sigma(2 * t), 4),
    "sinh by exponentials": ((sp.exp(x) - sp.exp(-x)) / 2, mp.sinh, 4),
    "1 - cos": (1 - sp.cos(x), lambda t: 2 * mp.sin(t / 2) ** 2, 4),
    "cosh - 1": (sp.cosh(x) - 1, lambda t: 2 * mp.sinh(t / 2) ** 2, 4),
    "1 - erf": (1 - sp.erf(x), mp.erfc, 4),
    "1 + erf": (1 + sp.erf(x), lambda t: mp.erfc(-t), 4),
    "2 - erfc": (2 - sp.erfc(x), lambda t: mp.erfc(-t), 4),
    "log of erfc": (sp.log(sp.erfc(x)), lambda t: mp.log(mp.erfc(t)), 8),
    "log of a normal distribution": (sp.log(sp.erfc(-x / sp.sqrt(2)) / 2), lambda t: mp.log(normal(t)), 90),
    "the same by erf": (sp.log((1 + sp.erf(x / sp.sqrt(2))) / 2), lambda t: mp.log(normal(t)), 90),
    "hazard": (sp.exp(-(x**2)) / sp.erfc(x), lambda t: mp.exp(-t * t) / mp.erfc(t), 8),
    "swish": (x / (1 + sp.exp(-x)), lambda t: t * sigma(t), 8),
    "mish": (x * sp.tanh(sp.log(1 + sp.exp(x))), lambda t: t * mp.tanh(mp.log1p(mp.exp(t))), 8),
    "gumbel": (sp.exp(-sp.exp(x)), lambda t: mp.exp(-mp.exp(t)), 2000),
    "root of 1 + exp": (sp.sqrt(1 + sp.exp(x)), lambda t: mp.sqrt(1 + mp.exp(t)), 200),
    "root of a square": (sp.sqrt(x**2), abs, 4),
    "logarithm of a quotient": (sp.log(1 / x), lambda t: -mp.log(t), 4),
    "inverse tangent": (sp.log((1 + x) / (1 - x)), lambda t: 2 * mp.atanh(t), 4),
    "inverse sine": (sp.log(x + sp.sqrt(x**2 + 1)), mp.asinh, 8),
    "log of a mixture": (
        sp.log(0.75 * sp.exp(-((x + 1) ** 2) / 2) + 0.25 * sp.exp(-((x - 1) ** 2) / 2)),
        lambda t: mp.log(3 * mp.exp(-((t + 1) ** 2) / 2) + mp.exp(-((t - 1) ** 2) / 2)) - mp.log(4),
        60,
    ),
    "Gumbel density": (sp.exp(-x - sp.exp(-x)), lambda t: mp.exp(-t - mp.exp(-t)), 2000),
    "1 - tanh": (1 - sp.tanh(x), lambda t: 2 * sigma(-2 * t), 4),
    "half of 1 + tanh": ((1 + sp.tanh(x)) / 2, lambda t: sigma(2 * t), 4),
    "root of 1 + x, less 1": (sp.sqrt(1 + x) - 1, lambda t: t / (mp.sqrt(1 + t) + 1), 8),
    "pseudo-Huber": (
        4 * (sp.sqrt(1 + (x / 2) ** 2) - 1),
        lambda t: t * t / (mp.sqrt(1 + t * t / 4) + 1),
        8,
    ),
    "1 less a reciprocal root": (
        1 - 1 / sp.sqrt(1 + x),
        lambda t: t / (mp.sqrt(1 + t) * (mp.sqrt(1 + t) + 1)),
        8,
    ),
    "three exponentials": (
        sp.exp(x) / (1 + sp.exp(x) + sp.exp(2 * x)),
        lambda t: 1 / (mp.exp(-t) + 1 + mp.exp(t)),
        2000,
    ),
}
LOST_SLOPES = {"hazard", "inverse sine", "three exponentials"}
"""Slopes with a difference of their own, in which digits are lost whatever has a name."""


def units(found: float, right: Any, dtype: str = "float64") -> float:
    """The error in units in the last place; 0 where the right value is no real number or overflows."""
    info = np.finfo(dtype)
    if isinstance(right, mp.mpc) or not mp.isfinite(right) or abs(right) > float(info.max) / 4:
        return 0.0
    if not np.isfinite(found):
        return float("inf")
    size = abs(right) * mp.mpf(float(info.eps)) + mp.mpf(float(info.tiny))
    return float(abs(mp.mpf(float(found)) - right) / size)


def right_values(f: Function, at: Any) -> list[tuple[float, Any, Any]]:
    """The points where a function is real, its values and its slopes there."""
    found = []
    with mp.workdps(800):
        for point in at:
            t = mp.mpf(float(point))
            try:
                value = f(t)
                slope = mp.diff(f, t, h=mp.mpf(10) ** (-400 if abs(t) < 1e-200 else -250))
            except (ZeroDivisionError, ValueError):
                continue
            if not isinstance(value, mp.mpc):
                found.append((float(point), value, slope))
    return found


@pytest.fixture(scope="module")
def references() -> dict[tuple[str, str], list[tuple[float, Any, Any]]]:
    return {
        (name, dtype): right_values(f, np.array(POINTS, dtype))
        for name, (_, f, _) in SCALARS.items()
        for dtype in ("float64", "float32")
    }


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["cpu", "python"])
def test_a_scalar_function_keeps_its_digits(
    dtype: Any, target: Any, references: dict[tuple[str, str], list[tuple[float, Any, Any]]]
) -> None:
    for name, (expr, _, most) in SCALARS.items():
        if target == "cpu" and dtype == "float32" and name in ("hazard",):
            continue
        right = references[name, dtype]
        function: Any = sd.compile(expr, wrt=[x], dtype=dtype, target=target)
        values, slopes = function(x=np.array([point for point, _, _ in right], dtype))
        with mp.workdps(800):
            for (point, value, slope), a, b in zip(right, values, slopes["x"], strict=True):
                assert units(a, value, dtype) <= most, (name, "value", point, a)
                if name not in LOST_SLOPES:
                    assert units(b, slope, dtype) <= max(most, 12), (name, "slope", point, b)


DERIVED: dict[str, tuple[sp.Expr, Function]] = {
    "log of a sum": (sp.log(sp.exp(x) + sp.exp(2 * x)), lambda t: mp.log(mp.exp(t) + mp.exp(2 * t))),
    "log of a mixture": (
        sp.log(3 * sp.exp(-((x + 1) ** 2) / 2) + sp.exp(-((x - 1) ** 2) / 2)),
        lambda t: mp.log(3 * mp.exp(-((t + 1) ** 2) / 2) + mp.exp(-((t - 1) ** 2) / 2)),
    ),
    "Mills ratio": (
        sp.exp(-(x**2) / 2) * sp.sqrt(2 / sp.pi) / (1 + sp.erf(x / sp.sqrt(2))),
        lambda t: mp.exp(-t * t / 2) / mp.sqrt(2 * mp.pi) / normal(t),
    ),
}


@pytest.mark.parametrize("name", DERIVED)
def test_a_derivative_is_a_formula_like_any_other(name: str) -> None:
    """What `sd.derive` returns is compiled again: sums of quotients whose parts overflow one by one."""
    expr, f = DERIVED[name]
    slope: Any = sd.compile(sd.derive(expr, x).result)
    with mp.workdps(800):
        for point, _, right in right_values(f, [-800.0, -40.0, -8.5, -1.3, 0.3, 3.0, 40.0, 800.0]):
            assert float(slope(x=point)) == pytest.approx(float(right), rel=1e-9), point


def test_factors_of_one_base_stay() -> None:
    """2 and the root of 2 are powers of one base; no form of a product loses one of them."""
    y = sp.Symbol("y", real=True)
    tail, root = sp.erfc(-y / sp.sqrt(2)), sp.sqrt(2)
    for f in (
        2 * root * y * sp.exp(-(y**2) / 2) / tail,
        2 * root * sp.exp(y) / (1 + sp.exp(y)),
        3 * sp.sqrt(3) * sp.sinh(y) / sp.cosh(y),
        sp.Rational(1, 2) * root * sp.exp(y) * sp.exp(-(y**2)),
    ):
        form = computed(f)
        values = [
            outputs(collect([t]), {"t": 0.7})[0]
            for t in [el(lambda v, e=e: e.subs(y, v), sd.tensor("t", ()), name=None) for e in (f,)]
        ]
        assert form != f and values[0] == pytest.approx(float(f.subs(y, sp.Float(0.7)))), f


def test_members_as_they_were_reported() -> None:
    f: Any = sd.compile(sd.softplus(x), wrt=[x])
    value, slopes = f(x=800.0)
    assert (value, slopes["x"]) == (800.0, 1.0)
    f = sd.compile(sd.sigmoid(x), wrt=[x])
    assert f(x=-800.0)[1]["x"] == 0.0
    for function, exact in ((sd.log1p, mp.log1p), (sd.expm1, mp.expm1)):
        f = sd.compile(function(x))
        assert units(f(x=1e-9), exact(mp.mpf(1e-9))) < 2
    assert sd.compile(sp.log(sp.cosh(x)))(x=800.0) == pytest.approx(800 - np.log(2))
    phi = sd.compile(sp.log(sp.erfc(-x / sp.sqrt(2)) / 2))(x=-8.5)
    assert phi == pytest.approx(-39.1973, abs=1e-4)


def el(function: Any, *operands: Any, name: str | None) -> Tensor:
    return sd.elementwise(function, *operands, name=name)


def tensors(X: Tensor, names: bool) -> dict[str, Tensor]:
    """Formulas of exponentials and their like, cut into parts that have names or not."""
    count = iter(range(1000))

    def part(function: Any, *operands: Any) -> Tensor:
        return el(function, *operands, name=f"N{next(count)}" if names else None)

    E, G = part(sp.exp, X), part(sp.exp, -X)
    S, T = part(lambda g: 1 / (1 + g), G), part(sp.tanh, X)
    R, C = part(sp.erf, X), part(sp.cosh, X)
    Q = part(lambda u: u**2, X)
    return {
        "softplus": part(lambda e: sp.log(1 + e), E),
        "softplus in three": part(sp.log, part(lambda e: 1.0 + e, E)),
        "sigmoid": S,
        "1 - sigmoid": part(lambda s: 1 - s, S),
        "log sigmoid": part(sp.log, S),
        "log of 1 - sigmoid": part(lambda s: sp.log(1 - s), S),
        "logit": part(lambda s: sp.log(s / (1 - s)), S),
        "tanh": part(lambda a, b: a / b, part(lambda a, b: a - b, E, G), part(lambda a, b: a + b, E, G)),
        "sinh": part(lambda a, b: (a - b) / 2, E, G),
        "expm1": part(lambda e: e - 1, E),
        "product": part(lambda a, b: a * b, E, G),
        "share": part(lambda e: e / (1 + e), E),
        "reciprocal": part(lambda e: 1 / (2 + e), E),
        "gumbel": part(lambda e: sp.exp(-e), E),
        "root": part(sp.sqrt, part(lambda e: 1 + e, E)),
        "log1p": part(sp.log, part(lambda q: 1 + q, Q)),
        "root of a square": part(sp.sqrt, Q),
        "1 - cos": part(lambda c: 1 - c, part(sp.cos, X)),
        "cosh - 1": part(lambda c: c - 1, C),
        "log cosh": part(sp.log, C),
        "erfc": part(lambda r: 1 - r, R),
        "log of a distribution": part(sp.log, part(lambda r: (1 + r) / 2, R)),
        "1 - tanh^2": part(lambda t: 1 - t**2, T),
        "log of 1 + tanh": part(lambda t: sp.log(1 + t), T),
        "there and back": part(lambda u: u - 1, part(lambda u: u + 1, X)),
        "used twice": part(lambda y, e: y * sp.log(1 + e) + 1 / (1 + e), X, E),
        "swish": part(lambda u, g: u / (1 + g), X, G),
    }


def alike(named: Any, unnamed: Any, *, most: float = 16, dtype: str = "float64") -> Any:
    """Where two arrays differ by no more than a few units in the last place."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        near = np.abs(named - unnamed) <= most * info.eps * np.abs(unnamed) + 4 * float(info.tiny)
    return near | (named == unnamed) | (np.isnan(named) & np.isnan(unnamed))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["cpu", "python", "reference"])
def test_named_and_unnamed_parts_agree(target: Any, dtype: Any) -> None:
    at = np.array(POINTS if dtype == "float64" else [p for p in POINTS if abs(p) > 1e-30], dtype)
    X = sd.tensor("X", (n,))
    results = []
    for names in (True, False):
        made = tensors(X, names)
        wanted = [*made.values(), *(sd.grad(t.sum(), X) for t in made.values())]
        if target == "reference":
            results.append(outputs(prepare(collect(wanted))[0], {"X": at}, dtype=dtype))
        else:
            results.append(sd.compile(wanted, dtype=dtype, target=target)(X=at))
    labels = [f"{name}, {what}" for what in ("value", "slope") for name in made]
    for label, named, unnamed in zip(labels, *results, strict=True):
        assert alike(named, unnamed, dtype=dtype).all(), (label, named, unnamed)
        if label not in ("root of a square, slope",):
            assert not np.isnan(named).any(), label


def test_second_derivatives_do_not_know_names() -> None:
    at = {"X": np.array([-800.0, -40.0, -1.0, 0.3, 3.0, 40.0, 800.0])}
    X = sd.tensor("X", (n,))
    skipped = ("root of a square", "root", "logit", "there and back", "product")
    found = []
    for names in (True, False):
        made = {k: v for k, v in tensors(X, names).items() if k not in skipped}
        second = [sd.grad(sd.grad(t.sum(), X).sum(), X) for t in made.values()]
        found.append(outputs(prepare(collect(second))[0], at))
    for name, named, unnamed in zip(made, *found, strict=True):
        np.testing.assert_allclose(named, unnamed, rtol=1e-9, atol=1e-15, err_msg=name)


def test_the_gradient_of_a_named_part_stays_reachable() -> None:
    X = sd.tensor("X", (n,))
    E = el(sp.exp, X, name="E")
    loss = sd.log(1 + E).sum()
    function: Any = sd.compile([E, loss])
    e, value = function(X=np.array([800.0, 0.0]))
    assert np.isinf(e[0]) and e[1] == 1.0
    assert value == pytest.approx(800 + np.log(2))
    derivative = differentiate(loss, [E])
    (_, slope) = outputs(derivative.program, {"X": np.log([1.0, 3.0])})
    np.testing.assert_allclose(slope, [0.5, 0.25])


def test_the_page_shows_the_name_and_what_is_computed() -> None:
    X = sd.tensor("X", (n,))
    loss = sd.log(1 + el(sp.exp, X, name="E")).sum()
    rules = [r.rule for r in differentiate(loss, [X]).record.rewrites]
    assert STABLE in rules
    text = sd.derive(loss, X).text()
    assert "E[i] = e^X[i]" in text and "(stable form)" in text and "X̄[i] = σ(X[i])" in text


def test_a_softmax_written_in_parts() -> None:
    Z, Y = sd.tensor("Z", (n, 3)), sd.tensor("Y", (n, 3))
    E = el(sp.exp, Z, name="E")
    S = E.sum(axis=1, keepdims=True)
    P = el(lambda e, s: e / s, E, S, name="P")
    at = {"Z": np.array([[800.0, 0.0, -800.0], [1.0, 2.0, 3.0], [-900.0, -901.0, -900.5]])}
    at["Y"] = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]])
    shifted = np.exp(at["Z"] - at["Z"].max(1, keepdims=True))
    right = shifted / shifted.sum(1, keepdims=True)
    np.testing.assert_allclose(sd.compile(P)(Z=at["Z"]), right, rtol=1e-12, atol=1e-300)
    loss = -(Y * sd.log(P)).sum()
    function: Any = sd.compile(loss, wrt=[Z])
    value, slopes = function(**at)
    logs = at["Z"] - at["Z"].max(1, keepdims=True) - np.log(shifted.sum(1, keepdims=True))
    assert value == pytest.approx(-(at["Y"] * logs).sum())
    np.testing.assert_allclose(slopes["Z"], right - at["Y"], atol=1e-14)
    squares: Any = sd.compile((P * P).sum(), wrt=[Z])
    _, slopes = squares(Z=at["Z"])
    np.testing.assert_allclose(
        slopes["Z"], 2 * right * (right - (right**2).sum(1, keepdims=True)), rtol=1e-12, atol=1e-14
    )


def test_the_logarithm_of_a_mean_of_exponentials() -> None:
    X = sd.tensor("X", (n,))
    for name in ("E", None):
        loss = sd.log(el(sp.exp, X, name=name).mean())
        value, slopes = sd.compile(loss, wrt=[X])(X=np.array([800.0, 798.0]))
        assert value == pytest.approx(800 + np.log((1 + np.exp(-2)) / 2))
        assert slopes["X"].sum() == pytest.approx(1)


def test_gates_of_a_layer_are_not_computed_again() -> None:
    """``1 - z`` in a recurrent layer reads `z`; nothing is gained by another exponential."""
    X, W = sd.tensor("X", (n, 4)), sd.parameter("W", (4, 4))
    z = el(lambda u: 1 / (1 + sp.exp(-u)), X @ W, name="z")
    loss = ((1 - z) * X + z * z).sum()
    program = differentiate(loss, [W]).program
    assert sum(equation.body.has(sp.exp) for equation in program.equations) == 1


def test_states_of_a_recurrence_are_not_computed_again() -> None:
    """A reader outside takes the state that is kept, and not the formula of its step."""
    x, lengths = sd.tensor("x", (n, 5, 3)), sd.tensor("lengths", (n,), dtype="int64")
    for cell in (sd.nn.rnn, sd.nn.gru, lambda *a, **o: sd.nn.lstm(*a, **o)[0]):
        h = cell(x, 4, name="r", lengths=lengths)
        for loss in ((h**2).sum(), (sd.nn.last_state(h, lengths=lengths) ** 2).sum()):
            _, rewrites = prepare(collect([loss]))
            assert not [r for r in rewrites if r.rule == STABLE and r.before.lhs is loss]
            assert (
                sum(e.body.has(sp.exp) for e in prepare(collect([loss]))[0].equations if e.lhs is loss) == 0
            )


UNARY: dict[str, Function] = {
    "exp": sp.exp,
    "negative": lambda u: -u,
    "half": lambda u: u / 2,
    "square": lambda u: u**2,
    "log of 1 +": lambda u: sp.log(1 + u),
    "1/(1 + u)": lambda u: 1 / (1 + u),
    "- 1": lambda u: u - 1,
    "1 -": lambda u: 1 - u,
    "tanh": sp.tanh,
    "cosh": sp.cosh,
    "erf": sp.erf,
    "cos": sp.cos,
    "log": sp.log,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda u, v: u + v,
    "-": lambda u, v: u - v,
    "*": lambda u, v: u * v,
    "/": lambda u, v: u / v,
}
STEPS = st.lists(
    st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 3), st.integers(0, 3), st.booleans()),
    min_size=2,
    max_size=5,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_random_programs_do_not_know_their_names(steps: list[tuple[str, int, int, bool]]) -> None:
    """No name makes an error larger than it is without names, where the formula keeps its digits there."""
    u = sp.Symbol("u", real=True)
    X = sd.tensor("X", (n,))
    whole: list[Any] = [u]
    parts: list[Any] = [X]
    for place, (op, first, second, named) in enumerate(steps):
        function = UNARY.get(op) or BINARY[op]
        which = [first, second] if op in BINARY else [first]
        whole.append(function(*(whole[-1 - min(k, place)] for k in which)))
        operands = [parts[-1 - min(k, place)] for k in which]
        parts.append(el(function, *operands, name=f"N{place}" if named else None))
    formula = whole[-1]
    if not formula.has(u) or any(w.has(sp.nan, sp.zoo, sp.oo) for w in whole):
        return
    unnamed = sd.elementwise(lambda v: formula.xreplace({u: v}), X)
    at = np.array(POINTS)
    named_values, values = (evaluate(prepare(collect([t]))[0], {"X": at})[t] for t in (parts[-1], unnamed))
    with mp.workdps(420):
        exact = [sp.lambdify(u, part, "mpmath") for part in whole]
        for point, a, b in zip(POINTS, named_values, values, strict=True):
            inner: list[Any] = []
            try:
                for number, part in enumerate(exact):
                    op, first, *_ = steps[number - 1] if number else ("", 0)
                    if op in TRANSCENDENTAL and _too_large(inner[-1 - min(first, number - 1)]):
                        raise OverflowError
                    inner.append(part(mp.mpf(point)))
            except (ZeroDivisionError, ValueError, OverflowError, MemoryError):
                continue
            *inner, right = inner
            if any(isinstance(v, mp.mpc) for v in (*inner, right)):
                continue
            without = units(b, right)
            if without < 1e3:
                assert units(a, right) <= max(64, 8 * without), (formula, point, a, b, right)


TRANSCENDENTAL = ("exp", "tanh", "cosh", "erf", "cos")


def _too_large(value: Any) -> bool:
    """Say whether mpmath would need more digits than there is memory, as for cosh(cosh(cosh(800)))."""
    return bool(mp.isfinite(value) and value and mp.mag(value) > 10**6)


def test_forms_are_found_for_other_signs_and_factors() -> None:
    y = sp.Symbol("y", real=True)
    same = [
        (2 - 2 * sp.exp(y), 2 * (1 - sp.exp(y))),
        (3 * sp.exp(y) - 3, 3 * (sp.exp(y) - 1)),
        (sp.log(y + 1), sp.log(1 + y)),
        (sp.erfc(y) - 2, -(2 - sp.erfc(y))),
        (sp.cos(y) - 1, -(1 - sp.cos(y))),
        (sp.Float(1.0) - sp.erf(y), 1 - sp.erf(y)),
    ]
    for one, other in same:
        assert computed(one) - computed(sp.expand(other)) == 0
        assert computed(one) != one
