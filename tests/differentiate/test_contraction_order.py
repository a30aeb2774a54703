"""Sums of products are computed in a cheap order: equal values, and no more work than the order needs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.contractions.common_factors import with_common_factors
from symdl.differentiate.contractions.costs import Costs, Operand
from symdl.differentiate.contractions.ordering import with_contraction_order
from symdl.differentiate.contractions.plans import Plan, Step, cheapest, total
from symdl.differentiate.prepare import prepare
from symdl.express.dims import Index
from symdl.express.program import Program, collect
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.lower.pipeline import ready
from symdl.run.compiled import Compiled
from symdl.run.reference.interpreter import evaluate
from tests.lower.programs import assert_agrees
from tests.lowering import lower

LETTERS = "abcdef"
DIMS = {letter: sd.Dim(letter) for letter in LETTERS}
Arrays = dict[str, np.ndarray]


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[str], str]:
    """Draw the indices of two to five factors and of the result."""
    factors = draw(
        st.lists(st.text(LETTERS, min_size=0, max_size=3), min_size=2, max_size=5).map(
            lambda words: ["".join(dict.fromkeys(word)) for word in words]
        )
    )
    used = sorted(set("".join(factors)))
    return factors, "".join(draw(st.lists(st.sampled_from(used), unique=True, max_size=3)) if used else [])


def contraction(factors: Sequence[str], result: str) -> Tensor:
    """Define the sum of a product; factors are called x0, x1, ..."""
    names = {letter: Index(letter) for letter in LETTERS}
    tensors = [sd.tensor(f"x{place}", [DIMS[a] for a in word]) for place, word in enumerate(factors)]
    product = sp.Mul(*(t.at(*(names[a] for a in w)) for t, w in zip(tensors, factors, strict=True)))
    bound = [names[a] for a in sorted(set("".join(factors)) - set(result))]
    sizes = [(index, DIMS[index.name]) for index in bound]
    body = Sum(product, *sizes) if bound else product
    return define("Z", [names[a] for a in result], body, shape=[DIMS[a] for a in result])


def draws(words: Sequence[str], sizes: dict[str, int], seed: int) -> list[np.ndarray]:
    """Return an array for each word."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=[sizes[a] for a in word]) for word in words]


def named(arrays: Sequence[np.ndarray]) -> Arrays:
    return {f"x{place}": array for place, array in enumerate(arrays)}


def close(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(
        found, wanted, rtol=1e-10, atol=1e-11 * max(1.0, float(np.abs(wanted).max(initial=0)))
    )


@settings(max_examples=60, deadline=None)
@given(networks(), st.tuples(*[st.integers(1, 3)] * len(LETTERS)), st.integers(0, 99))
@example((["ab", "bc", "cd"], "ad"), (2, 3, 2, 3, 1, 1), 0)
@example((["ab", "bc", "ca"], ""), (2, 3, 2, 1, 1, 1), 0)
@example((["a", "b", "ab", ""], "c"[:0]), (1, 3, 1, 1, 1, 1), 0)
def test_any_network_is_what_einsum_says(
    network: tuple[list[str], str], numbers: tuple[int, ...], seed: int
) -> None:
    factors, result = network
    sizes = dict(zip(LETTERS, numbers, strict=True))
    arrays = draws(factors, sizes, seed)
    text = f"{','.join(factors)}->{result}"
    output = contraction(factors, result)
    program = collect([output])
    planned = with_contraction_order(program)
    wanted = np.einsum(text, *arrays)
    close(evaluate(planned, named(arrays))[output], wanted)
    compiled = Compiled(program, dtype="float64", target="python", schedule="fused")
    close(np.asarray(compiled(**named(arrays))[0]), wanted)


@settings(max_examples=25, deadline=None)
@given(networks(), st.tuples(*[st.integers(1, 3)] * len(LETTERS)), st.integers(0, 99))
@example((["ab", "bc", "cd"], "ad"), (2, 3, 2, 3, 1, 1), 0)
def test_so_are_its_gradients(network: tuple[list[str], str], numbers: tuple[int, ...], seed: int) -> None:
    factors, result = network
    sizes = dict(zip(LETTERS, numbers, strict=True))
    arrays = draws(factors, sizes, seed)
    output = contraction(factors, result)
    names = [Index(a) for a in result]
    weights = np.asarray(draws([result], sizes, seed + 1)[0])
    G = sd.tensor("G", [DIMS[a] for a in result])
    product = G.at(*names) * output.at(*names)
    loss = define("L", (), Sum(product, *names) if names else product)
    by = [t for t in collect([loss]).inputs if t is not G]
    derivative = differentiate(loss, by, exact=True)
    values = {**named(arrays), "G": weights}
    found = evaluate(ready(derivative.program), values)
    for tensor in by:
        place = int(tensor.name[1:])
        others = [word for at, word in enumerate(factors) if at != place]
        held = [array for at, array in enumerate(arrays) if at != place]
        ones = [np.ones(sizes[a]) for a in factors[place]]
        words = ",".join([*others, result, *factors[place]])
        wanted = np.einsum(f"{words}->{factors[place]}", *held, weights, *ones)
        close(found[derivative.gradient(tensor)], wanted)
    assert_agrees(derivative.program, values)


def trees(parts: tuple[Plan, ...], kept: Callable[[frozenset[int]], int]) -> Iterator[Step]:
    """Yield every order of products of two, each summed as early as can be."""

    def leaves(plan: Plan) -> frozenset[int]:
        return frozenset((plan,)) if isinstance(plan, int) else frozenset().union(*map(leaves, plan.parts))

    if len(parts) == 1:
        assert isinstance(parts[0], Step)
        yield parts[0]
        return
    for one, two in itertools.combinations(parts, 2):
        rest = tuple(p for p in parts if p not in (one, two))
        joined = Step((one, two), kept(leaves(one) | leaves(two)))
        yield from trees((*rest, joined), kept)


@settings(max_examples=60, deadline=None)
@given(networks(), st.tuples(*[st.integers(1, 300)] * len(LETTERS)), st.sets(st.integers(0, 4)))
def test_no_order_of_products_of_two_is_cheaper(
    network: tuple[list[str], str], numbers: tuple[int, ...], formulas: set[int]
) -> None:
    def bits(word: str) -> int:
        return sum(1 << LETTERS.index(a) for a in set(word))

    factors, result = network
    operands = [
        Operand(bits(w), 3 * (place in formulas), place not in formulas) for place, w in enumerate(factors)
    ]
    costs = Costs(numbers)

    def kept(group: frozenset[int]) -> int:
        inside = bits("".join(factors[p] for p in group))
        return inside & bits(result + "".join(w for p, w in enumerate(factors) if p not in group))

    best = total(cheapest(operands, bits(result), costs), operands, costs)
    for tree in trees(tuple(range(len(factors))), kept):
        assert best <= total(tree, operands, costs) * (1 + 1e-12)
    assert best <= costs.step(operands, bits(result))


def work(program: Program, size: int) -> float:
    """Count the products of elements that a program computes where every size is the same."""
    found = 0.0
    for equation in program.equations:
        whole = equation.reduction is not None and equation.reduction.op not in ("sum", "max", "argmax")
        sizes = [*equation.lhs.shape, size] if whole else [*equation.extents.values()]
        numbers = [sp.sympify(e).subs(dict.fromkeys(program.dims, size)) for e in sizes]
        found += math.prod(map(int, numbers)) * len(equation.accesses())
    return found


def degree(program: Program) -> float:
    """Return the power of the size that the work grows with."""
    return math.log2(work(program, 2**14) / work(program, 2**13))


n = sd.Dim("n")
A, B, C = (sd.tensor(name, (n, n)) for name in "ABC")
x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
i, j, k, l, q = sd.indices("i j k l q")

WRITTEN: dict[str, tuple[Callable[[], Tensor], int]] = {
    "three matrices": (lambda: define("Z", (i, l), Sum(A[i, j] * B[j, k] * C[k, l], j, k)), 3),
    "three matrices, einsum": (lambda: sd.einsum("ij,kl,jk->il", A, B, C), 3),
    "weighted Gram matrix": (lambda: define("Z", (i, j), Sum(A[k, i] * x[k] * A[k, j], k)), 3),
    "diagonal between": (lambda: A.T @ sd.diag(x) @ A, 3),
    "matrices times a vector": (lambda: (A @ B) @ x, 2),
    "quadratic form": (lambda: x @ ((A @ B) @ x), 2),
    "trace of a product": (lambda: sd.trace(A @ B), 2),
    "sum of a product": (lambda: (A @ B).sum(), 2),
    "row sums of a product": (lambda: (A @ B).sum(0), 2),
    "diagonal times a matrix": (lambda: sd.diag(x) @ A, 2),
    "unit matrix times a matrix": (lambda: sd.eye(n) @ A, 2),
    "outer product times a vector": (lambda: sd.outer(x, y) @ x, 1),
}
"""What is written, and the power of n that its cheapest order takes."""


@pytest.mark.parametrize("name", WRITTEN)
def test_work_grows_as_it_must(name: str) -> None:
    make, power = WRITTEN[name]
    program = collect([make()])
    assert degree(ready(program)) == pytest.approx(power, abs=0.02)
    rng = np.random.default_rng(0)
    arrays = {t.name: rng.normal(size=(3,) * t.rank) for t in program.inputs}
    assert_agrees(program, arrays)


def products(program: Program) -> int:
    """Count the products of two matrices."""
    return sum(e.reduction is not None and len(e.extents) == 3 for e in program.equations)


COMMON: dict[str, Callable[[], Tensor]] = {
    "left": lambda: A @ B + A @ C,
    "right, with numbers": lambda: A @ C - 2 * (B @ C),
    "left, with others": lambda: (A @ B + A @ C) * 2 + x,
    "transposed": lambda: A @ B + (C @ A.T).T,
}


@pytest.mark.parametrize("name", COMMON)
def test_a_common_factor_is_multiplied_once(name: str) -> None:
    program = prepare(collect([COMMON[name]()]))[0]
    assert (products(program), products(ready(program))) == (2, 1)
    rng = np.random.default_rng(0)
    assert_agrees(program, {t.name: rng.normal(size=(3,) * t.rank) for t in program.inputs})


def test_so_is_that_of_a_gradient() -> None:
    loss = sd.tanh(A @ A.T).sum()
    program = differentiate(loss, [A], exact=True).program
    assert (products(program), products(ready(program))) == (3, 2)


def test_different_factors_stay_apart() -> None:
    program = prepare(collect([A @ B + B @ C + A @ x[:, None]]))[0]
    assert with_common_factors(program) is program


def test_what_several_sums_read_goes_if_none_needs_it() -> None:
    loss = x @ ((A @ B) @ x)
    program = differentiate(loss, [x], exact=True).program
    assert degree(program) == pytest.approx(3, abs=0.02)
    assert degree(ready(program)) == pytest.approx(2, abs=0.02)
    rng = np.random.default_rng(0)
    assert_agrees(program, {t.name: rng.normal(size=(3,) * t.rank) for t in program.inputs})


def test_an_elementwise_reader_keeps_it() -> None:
    product = A @ B
    program = prepare(collect([product @ x, sd.tanh(product)]))[0]
    assert ready(program).equations == program.equations


@st.composite
def expressions(draw: st.DrawFn) -> Program:
    """Draw a formula of matrices and vectors, or its gradients."""
    matrices: list[Tensor] = [A, B, C, sd.eye(n)]
    vectors: list[Tensor] = [x, y]
    for _ in range(draw(st.integers(2, 7))):
        M, N = (draw(st.sampled_from(matrices[-3:] + matrices)) for _ in range(2))
        v, w = (draw(st.sampled_from(vectors[-2:] + vectors)) for _ in range(2))
        matrix = draw(st.booleans())
        kind = draw(st.integers(0, 6))
        if matrix:
            made = [M @ N, M + N, M.T, sd.diag(v) @ M, sd.outer(v, w), sd.trace(M) * N, M * N][kind]
            matrices.append(made)
        else:
            vectors.append([M @ v, M.T @ v, v + w, v * w, M.sum(0), sd.diag(M), (v @ w) * v][kind])
    output = draw(st.sampled_from([matrices[-1], vectors[-1]]))
    loss = sd.sin(output).sum() if draw(st.booleans()) else output.sum()
    by = [t for t in collect([loss]).inputs if t.rank]
    gradients = bool(by) and draw(st.booleans())
    return differentiate(loss, by, exact=True).program if gradients else prepare(collect([loss, output]))[0]


@settings(max_examples=80, deadline=None)
@given(expressions(), st.integers(1, 4), st.integers(0, 99))
def test_any_formula_of_matrices_keeps_its_values(program: Program, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = {t.name: rng.normal(size=(size,) * t.rank) for t in program.inputs}
    if not values:
        return
    planned = ready(program)
    assert work(planned, 256) <= work(program, 256) * 1.2
    before, after = evaluate(program, values), evaluate(planned, values)
    for output in program.outputs:
        close(after[output], before[output])


def test_gradients_through_an_inverse_are_cubic() -> None:
    matrix = sd.exp(-(A**2)) + sd.eye(n) * 2
    loss = (x * (sd.inv(matrix) @ x)).sum() + (A @ sd.solve(matrix, B)).sum()
    program = differentiate(loss, [A, B, x], exact=True).program
    assert degree(program) == pytest.approx(4, abs=0.02)
    assert degree(ready(program)) == pytest.approx(3, abs=0.02)


def positive() -> Tensor:
    return A @ A.T + sd.eye(n)


FACTORED: dict[str, Callable[[], Tensor]] = {
    "a triangle's system": lambda: (sd.solve_triangular(sd.cholesky(positive()), x) ** 2).sum(),
    "systems": lambda: (sd.solve_triangular(sd.cholesky(positive()), B) ** 2).sum(),
    "a product with a factor": lambda: ((sd.cholesky(positive()) @ x) ** 2).sum(),
    "a factor's diagonal": lambda: sd.log(sd.diag(sd.cholesky(positive()))).sum(),
    "triangles": lambda: ((sd.triu(A) @ sd.tril(B) @ A) ** 2).sum(),
    "eigenvectors": lambda: (sd.eigh(positive())[1] @ x).sum(),
    "orthonormal columns": lambda: (sd.qr(A)[0] @ x).sum(),
    "singular vectors": lambda: (sd.svd(A)[0] @ x).sum(),
    "a pseudoinverse": lambda: (sd.pinv(A) @ x).sum(),
}


@pytest.mark.parametrize("name", FACTORED)
def test_gradients_through_factors_are_cubic(name: str) -> None:
    loss = FACTORED[name]()
    used = [t for t in (A, B, x) if t in collect([loss]).inputs]
    program = differentiate(loss, used).program
    assert degree(ready(program)) == pytest.approx(3, abs=0.02)
    rng = np.random.default_rng(0)
    arrays = {t.name: rng.normal(size=(3,) * t.rank) for t in program.inputs}
    assert_agrees(program, arrays)


def test_a_condition_is_asked_where_it_keeps_something_out() -> None:
    product = sp.Piecewise((B[i, j] * A[j, k] * C[k, l], i >= j), (0, True))
    guarded = define("Z", (l,), Sum(product, i, j, k), shape=(n,))
    values = {t.name: np.ones((3, 3)) for t in (A, B, C)}
    values["B"] = np.where(np.tri(3) > 0, 1.0, np.nan)
    np.testing.assert_array_equal(sd.compile(guarded, target="python")(**values), [18.0] * 3)


def test_products_of_two_stay_one_matrix_product() -> None:
    loss = ((sd.tanh(A @ B + x) @ C) ** 2).mean()
    program = differentiate(loss, [A, B, C, x], exact=True).program
    assert with_contraction_order(program) is program
    assert lower(program).structures.count("gemm") == 6


def test_a_formula_inside_a_large_product_becomes_a_tensor() -> None:
    m, L = sd.tensor("m", (64, 25)), sd.tensor("L", (64, 25, 25))
    X = sd.tensor("X", (n, 25))
    Z = define("Z", (i, j, k), Sum(L[j, k, q] * (X[i, q] - m[j, q]), q))
    assert lower(collect([Z])).structures.count("gemm") == 1
    rng = np.random.default_rng(0)
    values = {
        "X": rng.normal(size=(2, 25)),
        "m": rng.normal(size=(64, 25)),
        "L": rng.normal(size=(64, 25, 25)),
    }
    assert_agrees(collect([Z]), values)


def test_a_formula_inside_a_small_product_stays_in_its_loop() -> None:
    m, L = sd.tensor("m", (2, 3)), sd.tensor("L", (2, 3, 3))
    X = sd.tensor("X", (4, 3))
    program = collect([define("Z", (i, j, k), Sum(L[j, k, q] * (X[i, q] - m[j, q]), q))])
    assert with_contraction_order(program) is program


def test_nothing_much_larger_than_what_is_there_is_stored() -> None:
    W, V, m = sd.tensor("W", (50, 1000)), sd.tensor("V", (50, 1000)), sd.tensor("m", (1000, 1000))
    X = sd.tensor("X", (n, 1000))
    body = Sum(W[k, q] * V[k, j] * sp.tanh(X[i, q] - m[j, q]), j, q)
    program = ready(collect([define("Z", (i, k), body)]))
    # The formula alone would have 10⁶ elements for each row.
    largest = max(
        math.prod(map(int, (s.subs(n, 128) for s in map(sp.sympify, e.lhs.shape)))) for e in program.equations
    )
    assert largest <= 64 * 1000 * 1000


def test_sums_over_rows_stay_in_one_loop() -> None:
    program = collect([define("Z", (i,), Sum(A[i, j] * x[j] * B[i, j], j))])
    assert with_contraction_order(program) is program


def test_what_somebody_asked_for_is_still_computed() -> None:
    product = sd.define("P", (i, j), Sum(A[i, k] * B[k, j], k))
    program = ready(collect([product @ x, product]))
    assert len(program.equations) == 2


def test_small_sizes_do_not_pay_for_large_ones() -> None:
    wide, thin = sd.tensor("U", (784, 100)), sd.tensor("V", (100, 10))
    X = sd.tensor("X", (n, 784))
    program = collect([X @ wide @ thin])
    assert with_contraction_order(program) is program  # (U V) first is cheaper for 128 rows, dearer for one


def test_steps_of_a_recurrence_are_ordered_too() -> None:
    F = sd.tensor("F", (n, n))
    t = Index("t")

    def step(before: Tensor) -> Tensor:
        body = Sum(F[i, j] * before[t, j, k] * F[l, k], j, k)
        return define(None, (t, i, l), body, shape=(5, n, n))

    (out,) = sd.recurrence(["P"], [(5, n, n)], step, initial=[A])
    program = collect([out])
    assert degree(ready(program)) == pytest.approx(3, abs=0.02)
    rng = np.random.default_rng(0)
    assert_agrees(program, {"F": rng.normal(size=(3, 3)), "A": rng.normal(size=(3, 3))})


@pytest.mark.parametrize("value", [0.0, 1000.0, -1e-200, np.nan])
def test_hard_points(value: float) -> None:
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(2, 2)) for name in "ABC"}
    arrays["B"][0, 1] = value
    output = define("Z", (i, l), Sum(A[i, j] * B[j, k] * C[k, l], j, k))
    found = evaluate(ready(collect([output])), arrays)[output]
    np.testing.assert_allclose(found, np.einsum("ij,jk,kl->il", *arrays.values()), rtol=1e-12)


def test_of_a_result_the_axes_that_count_matrices_come_first() -> None:
    """Then its rows, then its columns: a matrix product writes it as it is."""
    b, i, j, k, m = sd.indices("b i j k m")
    A, B, C = (
        sd.tensor(name, (6, *shape)) for name, shape in (("A", (40, 3)), ("B", (3, 50)), ("C", (50, 2)))
    )
    chain = define("D", (i, b, m), Sum(A[b, i, j] * B[b, j, k] * C[b, k, m], j, k))
    first, second = with_contraction_order(collect([chain])).equations
    assert first.lhs.shape == (6, 3, 2) and {t.name for t in first.reads()} == {"B", "C"}
    assert second.lhs is chain
