"""The index solver against enumeration: which variables hit an element is counted out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.prepare import prepare
from symdl.differentiate.solve import solve
from symdl.express.dims import Dim, Index, indices
from symdl.express.equations import Divisible, Equal, Equation, InRange, Reduction
from symdl.express.program import collect
from symdl.express.surface import Sum, define
from symdl.express.tensors import Access, Tensor
from symdl.run.reference.interpreter import evaluate

from .oracles import Arrays, holds, integer, points

i, j, k, p, r = indices("i j k p r")


def assert_solved(equation: Equation, access: Access, arrays: Arrays) -> None:
    """Every element is hit by the same points of the variables as enumeration finds, each once."""
    found: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for at in points(equation.extents):
        if all(holds(g, at, arrays) for g in equation.guards):
            element = tuple(int(integer(e, at, arrays)) for e in access.indices)
            found.setdefault(element, set()).add(tuple(at.values()))
    solution = solve(equation, access)
    variables = list(equation.extents)
    assert set(solution.free).isdisjoint(solution.values)
    ranges = {v: solution.extents[v] for v in (*solution.targets, *solution.free)}
    assert [int(solution.extents[t]) for t in solution.targets] == list(access.tensor.shape)
    described: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for at in points(ranges):
        if not all(holds(g, at, arrays) for g in solution.guards):
            continue
        numbers = {v: integer(solution.values.get(v, v), at, arrays) for v in variables}
        assert all(0 <= n < equation.extents[v] and n.denominator == 1 for v, n in numbers.items())
        point = {v: int(n) for v, n in numbers.items()}
        if all(holds(g, point, arrays) for g in equation.guards):
            where = tuple(at[t] for t in solution.targets)
            hits = described.setdefault(where, set())
            assert tuple(point.values()) not in hits
            hits.add(tuple(point.values()))
    assert described == found


def assert_scattered(equation: Equation, access: Access, arrays: Arrays) -> None:
    """The gradient of ``sum(C * access)`` puts C where the access reads."""
    shape = [int(size) for size in equation.extents.values()]
    c = Tensor("C", shape, role="input")
    weights = np.arange(1.0, math.prod(shape) + 1).reshape(shape)
    expected = np.zeros(access.tensor.shape)
    for at in points(equation.extents):
        if all(holds(g, at, arrays) for g in equation.guards):
            element = tuple(int(integer(e, at, arrays)) for e in access.indices)
            expected[element] += weights[tuple(at.values())]
    out = Tensor("out", (), role="intermediate")
    total = Reduction("sum", tuple(equation.extents.items()))
    body = access * c.at(*equation.extents)
    out.attach(Equation(out, (), body, total, equation.guards))
    derivative = differentiate(out, [access.tensor])
    values: dict[Tensor, Any] = {
        t: arrays.get(t, weights if t is c else None) for t in derivative.program.inputs
    }
    values |= {t: np.zeros([int(s) for s in t.shape]) for t, v in values.items() if v is None}
    result = evaluate(derivative.program, values)[derivative.gradient(access.tensor)]
    np.testing.assert_array_equal(result, expected)


@st.composite
def accesses(draw: st.DrawFn) -> tuple[Equation, Access, dict[Tensor, np.ndarray]]:
    """An access with affine entries of any kind, constants and gathers, into a tensor that fits."""
    names = [Index(n) for n in "ijk"[: draw(st.integers(1, 3))]]
    extents = {v: draw(st.integers(1, 4)) for v in names}
    split = draw(st.integers(0, len(names)))
    arrays: dict[Tensor, np.ndarray] = {}
    entries, shape = [], []
    for axis in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["unit", "unit", "affine", "affine", "constant", "gather"]))
        if kind == "gather":
            v = draw(st.sampled_from(names))
            ids = Tensor(f"ids{axis}", (extents[v],), dtype="int64", role="input")
            numbers = draw(st.lists(st.integers(0, 3), min_size=extents[v], max_size=extents[v]))
            arrays[ids] = np.array(numbers)
            entries.append(ids.at(v))
            shape.append(4)
            continue
        if kind == "unit":
            form: sp.Expr = draw(st.sampled_from(names))
        else:
            steps = st.integers(-3, 3) if kind == "affine" else st.just(0)
            form = sp.Add(*(draw(steps) * v for v in names))
        reached = [int(integer(form, at, arrays)) for at in points(extents)]
        form = form - min(0, *reached, 0)
        shape.append(max(reached) - min(0, *reached) + 1 + draw(st.integers(0, 2)))
        entries.append(form)
    tensor = Tensor("A", shape, role="input")
    access = tensor.at(*entries)
    bound = tuple((v, extents[v]) for v in names[split:])
    lhs = Tensor("T", [extents[v] for v in names[:split]])
    reduction = Reduction("sum", bound) if bound else None
    return Equation(lhs, tuple(names[:split]), access, reduction), access, arrays


@given(accesses())
@settings(max_examples=150)
def test_affine_accesses_and_gathers(case: tuple[Equation, Access, dict[Tensor, np.ndarray]]) -> None:
    assert_solved(*case)


@given(accesses())
def test_gradients_of_affine_accesses_and_gathers(
    case: tuple[Equation, Access, dict[Tensor, np.ndarray]],
) -> None:
    assert_scattered(*case)


@given(accesses(), st.integers(-2, 2), st.integers(1, 3), st.integers(2, 3))
def test_guards_of_the_equation(
    case: tuple[Equation, Access, dict[Tensor, np.ndarray]], offset: int, size: int, by: int
) -> None:
    """An equation under guards, one of them making a floor exact, as a derivative of a stride has."""
    equation, access, arrays = case
    names = list(equation.extents)
    form = sp.Add(*(n * v for n, v in enumerate(names, start=1))) + offset
    inner = sp.Add(*names)
    guards = (InRange(form, size + 2), Divisible(inner, by), Equal(names[0] + 1, names[-1] + 1))
    for number in range(len(guards)):
        guarded = Equation(equation.lhs, equation.indices, access, equation.reduction, (guards[number],))
        assert_solved(guarded, access, arrays)
        assert_scattered(guarded, access, arrays)


@given(st.integers(2, 3), st.integers(-2, 2), st.integers(4, 5), st.integers(1, 4))
def test_quotients_under_a_divisibility_guard(by: int, offset: int, first: int, second: int) -> None:
    numerator = i - j + offset
    tensor = Tensor("A", (8,), role="input")
    access = tensor.at(sp.floor(numerator / by) + 3)
    lhs = Tensor("T", (first,))
    guards = (InRange(sp.floor(numerator / by) + 3, 8), Divisible(numerator, by))
    equation = Equation(lhs, (i,), access, Reduction("sum", ((j, second),)), guards)
    assert_solved(equation, access, {})
    assert not any(isinstance(g, Equal) for g in solve(equation, access).guards)


@st.composite
def views(draw: st.DrawFn) -> Tensor:
    """A chain of reshapes, slices and transposes."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    result = Tensor("A", shape, role="input")
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["reshape", "reshape", "slice", "transpose"]))
        sizes = [int(size) for size in result.shape]
        if kind == "reshape":
            result = result.reshape(*draw(factors(math.prod(sizes))))
        elif kind == "transpose":
            result = result.transpose(*draw(st.permutations(range(len(sizes)))))
        else:
            result = result[tuple(draw(slices(size)) for size in sizes)]
    return result


@st.composite
def factors(draw: st.DrawFn, total: int) -> list[int]:
    sizes = []
    for _ in range(draw(st.integers(0, 2))):
        divisor = draw(st.sampled_from([d for d in range(1, total + 1) if total % d == 0]))
        sizes.append(divisor)
        total //= divisor
    return draw(st.permutations([*sizes, total]))


@st.composite
def slices(draw: st.DrawFn, size: int) -> slice:
    start = draw(st.integers(0, size - 1))
    stop = draw(st.integers(start + 1, size))
    step = draw(st.sampled_from([1, 1, 2, -1]))
    if step < 0:
        return slice(stop - 1, start - 1 if start else None, step)
    return slice(start, stop, step)


@given(views())
@settings(max_examples=100)
def test_views(view: Tensor) -> None:
    named = define("V", tuple(indices("i j k p q")[: view.rank]), view.at(*indices("i j k p q")[: view.rank]))
    program, _ = prepare(collect([named]))
    (equation,) = program.equations
    (access,) = equation.body.atoms(Access)
    assert_solved(equation, access, {})
    assert_scattered(equation, access, {})


@pytest.mark.parametrize(
    ("old", "new"),
    [((2, 3, 4), (24,)), ((24,), (2, 3, 4)), ((6, 4), (4, 6)), ((2, 3, 2, 2), (6, 4)), ((6, 4), (2, 12))],
)
def test_a_reshape_is_solved_without_a_sum(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    view = Tensor("A", old, role="input").reshape(*new)
    assert view.equation is not None
    (access,) = view.equation.body.atoms(Access)
    solution = solve(view.equation, access)
    assert not solution.free and not solution.guards
    assert_solved(view.equation, access, {})


def test_two_reshaped_groups_are_solved_apart() -> None:
    view = Tensor("A", (2, 3, 2, 5), role="input").reshape(6, 10)
    assert view.equation is not None
    (access,) = view.equation.body.atoms(Access)
    solution = solve(view.equation, access)
    assert not solution.free and not solution.guards


def test_a_symbolic_size_in_a_reshape() -> None:
    n = Dim("n")
    view = Tensor("A", (n, 3, 4), role="input").reshape(-1, 4)
    assert view.shape == (3 * n, 4)
    assert view.equation is not None
    (access,) = view.equation.body.atoms(Access)
    solution = solve(view.equation, access)
    assert not solution.free and not solution.guards


def test_a_symbolic_coefficient_leaves_an_equality() -> None:
    n, m = Dim("n"), Dim("m")
    tensor = Tensor("A", (n * m,), role="input")
    lhs = Tensor("T", (2,))
    equation = Equation(lhs, (i,), tensor.at(n * i), None, (InRange(n * i, n * m),))
    solution = solve(equation, tensor.at(n * i))
    assert any(isinstance(g, Equal) for g in solution.guards)


def test_a_stride_leaves_a_divisibility_and_a_range_guard() -> None:
    x = Tensor("X", (9,), role="input")
    y = define("Y", (p,), Sum(x[2 * p + r], (r, 3)), shape=(4,))
    assert y.equation is not None
    solution = solve(y.equation, x.at(2 * p + r))
    (target,) = solution.targets
    assert solution.free == [r]
    assert solution.guards == [Divisible(target - r, 2), InRange(sp.floor(target / 2 - r / 2), 4)]


def test_digits_of_what_is_summed_stay_summed() -> None:
    """The place is determined, whose sum would be long, and the digit of the summed index is not."""
    x, w = Tensor("X", (30, 3), role="input"), Tensor("w", (12,), role="input")
    places = (2 * p + sp.floor(k / 3), sp.Mod(k, 3))
    y = define("Y", (p,), Sum(x[places] * w[k], k), shape=(14,))
    assert y.equation is not None
    solution = solve(y.equation, x.at(*places))
    (left,) = solution.free
    assert solution.extents[left] == 4 and p in solution.values
    rng = np.random.default_rng(0)
    assert_solved(y.equation, x.at(*places), {x: rng.normal(size=(30, 3)), w: rng.normal(size=12)})


def test_the_double_adjoint_of_a_stride_is_the_forward_form() -> None:
    x, w = Tensor("X", (9,), role="input"), Tensor("w", (3,), role="input")
    y = define("Y", (p,), Sum(x[2 * p + r] * w[r], r), shape=(4,))
    c = Tensor("C", (4,), role="input")
    back = differentiate((y * c).sum(), [x]).gradient(x)
    d = Tensor("D", (9,), role="input")
    again = differentiate((back * d).sum(), [c])
    equation = again.program.definitions[again.gradient(c)]
    assert not equation.guards
    assert len(equation.bound) == 1
