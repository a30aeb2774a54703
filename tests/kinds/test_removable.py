"""Where a formula is 0·∞ and the function is not.

The kind: a derivative holds a factor that is infinite at a point where another is 0, or a rewrite takes one
function into the cases of another and leaves an infinity without a sign there. The cause was that SymPy's
rules are true nearly everywhere only; the chain rule now goes through corners, cases and powers of variables
in `differentiate/corners.py`, each with its own condition. Right values are closed forms.
"""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings

import symdl as sd
from symdl.check.tape import tape_gradient
from symdl.differentiate.corners import slope
from symdl.explain.sections import Lines
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate

x, y, z, k, n = sp.symbols("x y z k n")
NEVER = (sp.zoo, sp.ITE, sp.Heaviside, sp.DiracDelta)
ZERO = 0.0


def slopes(f: sp.Expr, **at: float) -> dict[str, float]:
    """The slopes of a scalar function, by both targets, which agree."""
    wrt = [sp.Symbol(name) for name in at]
    found = [sd.compile(f, wrt=wrt, target=target)(**at)[1] for target in ("cpu", "python")]
    for name in at:
        np.testing.assert_array_equal(found[0][name], found[1][name])
    return {name: float(value) for name, value in found[0].items()}


def slopes_of(loss: sd.Tensor, wrt: sd.Tensor, **at: Any) -> Any:
    """The gradient of a loss by a tensor: both targets and the reference interpreter, which agree."""
    gradient = sd.grad(loss, wrt)
    program = collect([gradient])
    used = {str(t.name): np.asarray(at[str(t.name)]) for t in program.inputs if t.value is None}
    found = [evaluate(program, used)[gradient]]
    found += [sd.compile(gradient, target=target)(**used) for target in ("cpu", "python")]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-12)
    return found[0]


def test_polynomials_at_zero() -> None:
    a, t = sd.tensor("a", (3,)), sd.tensor("t", ())
    (j,) = sd.indices("j")
    polynomial = sd.define("p", (), sd.Sum(a[j] * t[()] ** j, j))
    assert slopes_of(polynomial, t, a=[1.0, 2.0, 3.0], t=ZERO) == 2.0
    second = sd.grad(sd.grad(polynomial, t), t)
    assert sd.compile(second)(a=[1.0, 2.0, 3.0], t=ZERO) == 6.0
    s = sd.tensor("s", (2,))
    powers = sd.power(s[:, None], sd.arange(4)).sum()
    np.testing.assert_array_equal(slopes_of(powers, s, s=[0.0, 1.0]), [1.0, 6.0])


def test_the_line_of_a_polynomial_says_where_the_sum_begins() -> None:
    a, t = sd.tensor("a", (3,)), sd.tensor("t", ())
    (j,) = sd.indices("j")
    shown = str(sd.derive(sd.define("p", (), sd.Sum(a[j] * t[()] ** j, j)), t))
    assert "[j ≠ 0]" in shown.split("Result")[1]


def test_whole_exponents_as_data() -> None:
    u, e = sd.tensor("u", (4,)), sd.tensor("e", (4,), dtype="int64")
    found = slopes_of((u**e).sum(), u, u=[0.0, 0.0, 0.0, -2.0], e=[0, 1, 2, 3])
    np.testing.assert_array_equal(found, [0.0, 1.0, 0.0, 12.0])


@pytest.mark.parametrize(("base", "exponent"), [(0.0, 1.0), (0.0, 0.5), (0.0, 3.0), (2.0, 0.0), (1.5, -2.0)])
def test_powers_by_base_and_exponent(base: float, exponent: float) -> None:
    by_base = 0.0 if exponent == 0 else exponent * float(np.power(base, exponent - 1.0)) if base else None
    if base == 0:
        by_base = {1.0: 1.0, 0.5: math.inf, 3.0: 0.0}[exponent]
    by_exponent = 0.0 if base == 0 else base**exponent * math.log(base)
    with np.errstate(all="ignore"):
        assert slopes(x**n, x=base, n=exponent) == pytest.approx({"x": by_base, "n": by_exponent})
        u, e = sd.tensor("u", ()), sd.tensor("e", ())
        assert slopes_of(u**e, u, u=base, e=exponent) == pytest.approx(by_base)
        assert slopes_of(u**e, e, u=base, e=exponent) == pytest.approx(by_exponent)


def test_a_dose_of_zero() -> None:
    hill = x**n / (k**n + x**n)
    assert slopes(hill, x=0.0, n=2.0, k=1.5) == {"x": 0.0, "n": 0.0, "k": 0.0}
    assert slopes(hill, x=0.0, n=1.0, k=2.0) == {"x": 0.5, "n": 0.0, "k": 0.0}
    dose, m, half = sd.tensor("dose", (2,)), sd.parameter("m", ()), sd.parameter("half", ())
    loss = (dose**m / (half**m + dose**m)).sum()
    at = {"dose": np.array([0.0, 1.0]), "m": 2.0, "half": 1.0}
    assert slopes_of(loss, m, **at) == pytest.approx(0.0)
    assert slopes_of(loss, half, **at) == pytest.approx(-0.5)


def test_functions_of_an_absolute_value() -> None:
    third = sp.Rational(1, 3)
    for f, at_zero in ((sp.log(sp.Abs(x)), -math.inf), (1 / sp.Abs(x), math.inf), (sp.Abs(x) ** third, 0.0)):
        for target in ("cpu", "python"):
            with np.errstate(all="ignore"):
                assert sd.compile(f, target=target)(x=0.0) == at_zero
        derivation = sd.derive(f, x)
        assert not derivation.result.has(*NEVER) and "omplexInf" not in str(derivation)
        assert float(derivation.result.subs(x, -2)) == pytest.approx(
            float(f.subs(sp.Abs(x), -x).diff(x).subs(x, -2))
        )
        with np.errstate(all="ignore"):
            assert math.isnan(slopes(f, x=0.0)["x"])  # there is none


def test_a_power_of_a_square() -> None:
    u, w = sd.tensor("u", (3,)), sd.tensor("w", (3,))
    product = sd.hvp(((u**2) ** 1.5).sum(), u, w)
    found = sd.compile(product)(u=np.array([-2.0, 0.0, 1.0]), w=np.array([1.0, 5.0, 2.0]))
    np.testing.assert_allclose(found, [12.0, 0.0, 12.0])


CASES = sp.Piecewise
SINGLE = [
    (CASES((1, sp.Eq(x, 0)), ((sp.exp(x) - 1) / x, True)), 0, 0.5, "the limit"),
    (CASES((sp.sin(x) / x, sp.Ne(x, 0)), (1, True)), 0, 0.0, "the limit"),
    (CASES((1, sp.Eq(x, 1)), (sp.log(x) / (x - 1), True)), 1, -0.5, "the limit"),
    (CASES(((sp.exp(x) - 1) / x, x > 0), ((sp.exp(x) - 1) / x, x < 0), (1, True)), 0, 0.5, ""),
    (CASES((0, sp.Eq(x, 0)), (x * sp.sin(1 / x), True)), 0, math.nan, "undefined"),
    (CASES((0, sp.Eq(x, 0)), (sp.Abs(x), True)), 0, math.nan, "undefined"),
    (CASES((0, sp.Eq(x, 1)), (sp.log(x) / (x - 1), True)), 1, 0.0, "jumps"),
    (CASES(((sp.exp(x) - 1) / x, sp.Abs(x) > 0), (1, True)), 0, 0.5, "the limit"),
    (CASES((1, x**2 <= 0), ((sp.exp(x) - 1) / x, True)), 0, 0.5, "the limit"),
    (CASES((0, sp.Eq(x**2, 1)), (x**2 - 1, True)), -1, -2.0, "the limit"),
    (CASES((0, sp.Eq(x * (x - 1), 0)), (x**2 * (x - 1), True)), 1, 1.0, "the limit"),
    (CASES((x**2, x > 0), (-(x**2), True)), 0, 0.0, ""),  # a seam
    (CASES((x**2, x > 0), (0, True)), 0, 0.0, ""),
    (sp.Max(x, 0) ** 2, 0, 0.0, ""),
    (sp.Abs(x), 0, 0.0, "by convention"),
    (sp.Max(x, 0), 0, 0.0, "by convention"),
    (sp.Piecewise((x, x >= 0), (x / 10, True)), 0, 1.0, "by convention"),
]


@pytest.mark.parametrize(("f", "place", "value", "words"), SINGLE, ids=lambda v: str(v)[:40])
def test_single_points(f: sp.Expr, place: int, value: float, words: str) -> None:
    np.testing.assert_array_equal(slopes(f, x=float(place))["x"], value)
    derivation = sd.derive(f, x)
    lines = [s for s in derivation.sections if str(s.title).startswith(("At ", "Where there"))]
    rules = " ".join(step.rule for s in lines if isinstance(s, Lines) for step in s.steps)
    assert (words in rules) if words else not rules
    got = derivation.result.subs(x, place)
    assert (float(got) == value) if math.isfinite(value) else not got.is_finite


def test_several_single_points_and_roots_of_squares() -> None:
    two = CASES((0, sp.Eq(x, 0) | sp.Eq(x, 1)), (x * (x - 1), True))
    assert [slopes(two, x=at)["x"] for at in (0.0, 1.0, 2.0)] == [-1.0, 1.0, 3.0]
    assert [slopes(sp.sqrt(x**2), x=at)["x"] for at in (-2.0, 0.0, 3.0)] == [-1.0, 0.0, 1.0]
    with np.errstate(all="ignore"):
        assert slopes(sp.Pow(0, x, evaluate=False), x=0.0)["x"] == -math.inf
    by_y = CASES((1, sp.Eq(x, y)), ((sp.exp(x - y) - 1) / (x - y), True))
    assert slopes(by_y, x=1.0, y=1.0) == {"x": 0.5, "y": -0.5}


@pytest.mark.parametrize(
    "f",
    [
        sp.Max(CASES((x, x < 1), (2 - x, True)) - sp.Rational(1, 2), 0),
        sp.log(CASES((x, x > 0), (sp.exp(x), True))),
        sp.sqrt(sp.Max(CASES((x, x > 0), (x**2, True)), 0)),
        sp.Abs(sp.Min(x, 1)) ** sp.Rational(-1, 3),
        sp.Pow(0, x, evaluate=False),
    ],
    ids=str,
)
def test_pages_hold_mathematics_only(f: sp.Expr) -> None:
    derivation = sd.derive(f, x)
    text = str(derivation) + derivation.latex()
    assert not any(word in text for word in ("omplexInf", "ITE", "zoo", "Heaviside", "DiracDelta"))
    at = sp.Rational(3, 10)
    right = slopes(f, x=float(at))["x"]
    assert float(derivation.result.subs(x, at)) == pytest.approx(right)


def test_what_is_even_in_an_absolute_value_is_smooth() -> None:
    """The signs of two slopes of one absolute value are 1 together, also at 0."""
    u, w, p = sd.tensor("u", (3,)), sd.tensor("w", (3,)), sd.parameter("p", ())
    at, ones = np.array([-2.0, 0.0, 1.0]), np.ones(3)
    for f, right in (
        (sd.elementwise(lambda v: sp.Abs(v) ** 2, u), [2.0, 2.0, 2.0]),
        (sd.elementwise(lambda v: sp.cos(sp.Abs(v)), u), -np.cos(at)),
        (sd.elementwise(lambda v, e: sp.Abs(v) ** e, u, p), [2.0, 2.0, 2.0]),
        (sd.elementwise(lambda v: sp.Abs(v) ** 3, u), 6 * abs(at)),
    ):
        product = sd.hvp(f.sum(), u, w)
        used = {"u": at, "w": ones, "p": 2.0}
        names = [str(t.name) for t in collect([product]).inputs]
        np.testing.assert_allclose(sd.compile(product)(**{n: used[n] for n in names}), right, atol=1e-14)
    for g in (sp.Abs(x) ** 2, sp.sqrt(x**4)):
        second = sd.derive(sd.derive(g, x).result, x).result
        assert second == 2
    symlog = sd.elementwise(lambda v: sp.sign(v) * sp.log(1 + sp.Abs(v)), u)
    np.testing.assert_allclose(slopes_of(symlog.sum(), u, u=at), 1 / (1 + abs(at)))


def test_what_depends_on_more_than_the_point() -> None:
    f = CASES((1, sp.Eq(x, 0)), (sp.sin(x * y) / (x * y), True))
    assert slopes(f, x=0.0, y=2.0) == {"x": 0.0, "y": 0.0}
    u = sd.tensor("u", (2,))
    safe = sd.where(sd.equal(u, 0), 0, 1 / u)  # a choice, not a function that goes on
    np.testing.assert_array_equal(slopes_of(safe.sum(), u, u=[0.0, 2.0]), [0.0, -0.25])
    goes_on = sd.where(sd.equal(u, 0), 1, (sd.exp(u) - 1) / u)  # likewise, whatever has a name
    assert slopes_of(goes_on.sum(), u, u=[0.0, 1.0])[0] == 0.0
    as_function = sd.elementwise(lambda v: CASES((1, sp.Eq(v, 0)), ((sp.exp(v) - 1) / v, True)), u)
    assert slopes_of(as_function.sum(), u, u=[0.0, 1.0])[0] == 0.5


def test_the_recording_agrees_at_zero() -> None:
    a, t = sd.parameter("a", (3,)), sd.parameter("t", ())
    (j,) = sd.indices("j")
    polynomial = sd.define("p", (), sd.Sum(a[j] * t[()] ** j, j))
    program = collect([polynomial])
    found = tape_gradient(program, polynomial, [t], {"a": np.array([1.0, 2.0, 3.0]), "t": np.array(0.0)})
    assert found[t] == 2.0


def test_no_infinity_without_a_sign_from_a_merge() -> None:
    u = sd.tensor("u", (3,))
    kept = sd.where(u > 0, u, 0)
    assert not any(e.body.has(*NEVER, sp.nan) for e in collect([sd.grad((1 / kept).sum(), u)]).equations)
    with np.errstate(all="ignore"):
        found = sd.compile(1 / kept)(u=np.array([2.0, 0.0, -1.0]))
        np.testing.assert_array_equal(found, [0.5, math.inf, math.inf])
        np.testing.assert_array_equal(slopes_of((1 / kept).sum(), u, u=[2.0, 0.0, -1.0]), [-0.25, 0.0, 0.0])
        inside = sd.elementwise(lambda v: 1 / sp.Piecewise((v, v > 0), (0, True)), u)
        np.testing.assert_array_equal(
            sd.compile(inside)(u=np.array([2.0, 0.0, -1.0])), [0.5, math.inf, math.inf]
        )


u0, u1 = sp.symbols("u0 u1", real=True)
HALVES = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])


@st.composite
def cornered(draw: Any, depth: int = 2) -> sp.Expr:
    """A random expression of corners, cases, powers and roots."""
    if depth == 0:
        return draw(st.sampled_from([u0, u1, sp.Integer(1), u0 - 1, 2 * u1]))
    inner = cornered(depth=depth - 1)
    one, two = draw(inner), draw(inner)
    return draw(
        st.sampled_from(
            [
                sp.Abs(one),
                sp.Max(one, two),
                sp.Min(one, 0),
                sp.Max(one, 0) ** sp.Rational(3, 2),
                sp.Abs(one) ** two,
                one * two,
                one + two,
                sp.exp(-sp.Abs(one)),
                sp.Piecewise((one, u0 > u1), (two, True)),
            ]
        )
    )


@settings(max_examples=25, deadline=None)
@given(cornered(), st.floats(-2.9, 2.9).filter(lambda v: abs(v * 4 - round(v * 4)) > 0.01), HALVES)
def test_slopes_hold_nothing_that_is_no_number(f: sp.Expr, a: float, b: float) -> None:
    """No rewrite makes an unsigned infinity, and where a quotient of differences settles, the slope is it."""
    found = slope(f, u0)
    assert not found.has(*NEVER) and not slope(found, u1).has(*NEVER)
    at = {u0: a, u1: b}
    exact = sp.lambdify((u0, u1), f, modules=[{"sign": np.sign, "Abs": abs}, "numpy"])
    try:
        with np.errstate(all="ignore"):
            quotients = [float(exact(a + h, b) - exact(a - h, b)) / (2 * h) for h in (1e-4, 1e-5, 1e-6)]
            sides = [float(exact(a + h, b) - exact(a, b)) / h for h in (1e-6, -1e-6)]
    except (ZeroDivisionError, OverflowError, TypeError):
        return
    settled = np.allclose(quotients, quotients[-1], rtol=1e-4) and np.allclose(
        sides, sides[0], rtol=1e-3, atol=1e-4
    )
    if not settled or not np.isfinite(quotients[-1]) or abs(quotients[-1]) > 1e4:
        return
    value = found.subs({s: sp.Float(v) for s, v in at.items()})
    if value is sp.nan and not b:
        return  # |u0*u1|**e with e < 1: infinitely steep in a product that stays 0
    assert float(value) == pytest.approx(quotients[-1], rel=1e-3, abs=1e-3)


def test_what_is_not_chosen_has_no_influence() -> None:
    """The maximum is a number where it is chosen; the root of it is infinitely steep there."""
    assert slopes(sp.sqrt(sp.Max(0, x**2 - z**2)), x=1.0, z=2.0) == {"x": 0.0, "z": 0.0}
    u = sd.tensor("u", (3,))
    loss = sd.elementwise(lambda v: sp.sqrt(sp.Max(v, 0)), u).sum()
    np.testing.assert_array_equal(slopes_of(loss, u, u=[-1.0, 0.0, 4.0]), [0.0, 0.0, 0.25])
