"""What is written twice is computed once, whatever the indices are called and in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate import duplicates
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.duplicates import match, with_shared_equations
from symdl.differentiate.prepare import prepare
from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.program import Program, collect
from symdl.express.surface import ArgMax, LogSumExp, Max, Prod, Sum, define
from symdl.express.tensors import Tensor
from symdl.lower.pipeline import ready
from symdl.run.reference.interpreter import evaluate
from tests.lower.programs import Arrays, assert_agrees, programs

n = sd.Dim("n")
A, B = sd.tensor("A", (3, 3)), sd.tensor("B", (3, 3))
x = sd.tensor("x", (3,))
i, j, k, p, q, r = sd.indices("i j k p q r")


def values(program: Program) -> Arrays:
    rng = np.random.default_rng(0)
    return {t.name: rng.normal(size=t.shape) for t in program.inputs}


def sums(program: Program) -> int:
    return sum(e.reduction is not None for e in program.equations)


TWICE: dict[str, Callable[[], Tensor]] = {
    "as it is": lambda: ((A @ B) ** 2).sum() + sd.tanh(A @ B).sum(),
    "transposed": lambda: ((A @ B) ** 2).sum() + sd.tanh(B.T @ A.T).sum(),
    "by einsum": lambda: ((A @ B) ** 2).sum() + sd.tanh(sd.einsum("kb,ak->ba", B, A)).sum(),
    "three times": lambda: (A @ B * sd.exp(A @ B).T).sum() + sd.sin(A @ B).max(),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_product_written_twice_is_one_also_in_the_gradient(name: str) -> None:
    loss = TWICE[name]()
    program = differentiate(loss, [A, B], exact=True).program
    products = [e for e in program.equations if set(e.reads()) == {A, B}]
    assert len(products) == 1
    # Three products of matrices: the one that was written, and those of the two gradients.
    assert (
        sum(e.reduction is not None and len(e.accesses()) == 2 and e.lhs.rank == 2 for e in program.equations)
        == 3
    )
    assert_agrees(program, values(program))


def test_sums_of_sums_are_shared_too() -> None:
    def rows() -> Tensor:
        return sd.softmax(A @ B, axis=1)

    program, _ = prepare(collect([(rows() @ x).sum() + (rows() ** 2).sum()]))
    assert sums(program) == 5  # A B, its logsumexp, the product with x, two sums


def test_names_stay_on_the_page_and_share_a_kernel() -> None:
    first = define("P", (i, j), Sum(A[i, k] * B[k, j], k))
    second = define("Q", (p, q), Sum(A[q, r] * B[r, p], r))
    program = prepare(collect([(first**2).sum() + sd.tanh(second).sum()]))[0]
    assert {"P", "Q"} <= {e.lhs.name for e in program.equations}
    assert {"P", "Q"} & {e.lhs.name for e in ready(program).equations} == {"P"}
    assert_agrees(program, values(program))


def test_what_is_asked_for_is_computed() -> None:
    both = [A @ B, A @ B]
    program = ready(prepare(collect(both))[0])
    assert program.outputs == tuple(both)
    assert_agrees(program, values(program))


def test_a_derivative_with_respect_to_one_of_them_is_its_own() -> None:
    first, second = A @ B, A @ B
    loss = (first**2).sum() + sd.sin(second).sum()
    derivative = differentiate(loss, [first], exact=True)
    point = values(derivative.program)
    found = evaluate(derivative.program, point)[derivative.gradient(first)]
    np.testing.assert_allclose(found, 2 * point["A"] @ point["B"])


def equation(where: tuple[Index, ...], body: sp.Expr) -> Equation:
    found = define(None, where, body).equation
    assert found is not None
    return found


DIFFERENT: dict[str, tuple[tuple[tuple[Index, ...], sp.Expr], ...]] = {
    "another factor transposed": (((i, j), Sum(A[i, k] * A[k, j], k)), ((i, j), Sum(A[k, i] * A[k, j], k))),
    "the second one transposed": (((i, j), Sum(A[i, k] * B[k, j], k)), ((i, j), Sum(A[i, k] * B[j, k], k))),
    "another axis": (((i,), Sum(A[i, k], k)), ((i,), Sum(A[k, i], k))),
    "another reduction": (((i,), Sum(A[i, k], k)), ((i,), Max(A[i, k], k))),
    "another body": (((i,), LogSumExp(A[i, k], k)), ((i,), LogSumExp(2 * A[i, k], k))),
    "positions counted another way": (((), ArgMax(A[i, k], i, k)), ((), ArgMax(A[i, k], k, i))),
    "free and summed": (((i,), Sum(A[i, k] * x[i], k)), ((i,), Sum(A[i, k] * x[k], k))),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_equations_that_differ(name: str) -> None:
    first, second = DIFFERENT[name]
    assert match(equation(*first), equation(*second)) is None


def test_inverses_have_rows_and_columns() -> None:
    program = ready(prepare(collect([(sd.inv(A) @ x).sum() + (sd.inv(A.T) @ x).max()]))[0])
    assert_agrees(program, {"A": np.array([[2.0, 1, 0], [0, 1, 3], [0, 0, 1]]), "x": np.array([1.0, 2, 3])})


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(4)), st.permutations("abcd"), st.sampled_from([Sum, Prod, Max, LogSumExp]))
def test_any_names_and_any_order(axes: list[int], letters: list[str], op: type) -> None:
    T, U = sd.tensor("T", (2, 3, 4)), sd.tensor("U", (4, 5))

    def made(names: Sequence[Index], order: list[int]) -> Equation:
        a, b, c, d = names
        return equation(tuple((a, b, d)[o] for o in order if o < 3), op(T[a, b, c] * U[c, d], c))

    first = made(sd.indices("a b c d"), [0, 1, 2])
    second = made([*map(Index, letters)], axes)
    assert match(second, first) is not None
    program = collect([first.lhs, second.lhs])
    point = values(program)
    found = evaluate(program, point)
    where = match(second, first)
    assert where is not None
    np.testing.assert_array_equal(found[first.lhs], found[second.lhs].transpose(where))


@settings(max_examples=40, deadline=None)
@given(programs())
def test_values_stay(case: tuple[Program, Arrays]) -> None:
    program, point = case
    before, after = evaluate(program, point), evaluate(with_shared_equations(program), point)
    for output in program.outputs:
        np.testing.assert_allclose(after[output], before[output], rtol=1e-12, atol=1e-12)


def test_equations_are_compared_with_few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Equation] = []

    def counted(equation: Equation, other: Equation) -> tuple[int, ...] | None:
        compared.append(equation)
        return match(equation, other)

    monkeypatch.setattr(duplicates, "match", counted)
    powers = [define(None, (), Sum(x[i] ** power, i)) for power in range(2, 202)]
    again = define(None, (), Sum(x[k] ** 7, k))
    program = with_shared_equations(collect([define("L", (), sp.Add(again.at(), *(t.at() for t in powers)))]))
    assert sums(program) == 200
    assert len(compared) == 1
