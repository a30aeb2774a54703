"""Matrix products are found in any arrangement of indices, and computed right."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.express.build import tensor
from symdl.express.dims import Dim, indices
from symdl.express.program import collect
from symdl.express.surface import Sum, define
from symdl.lower.equations.contractions import Contraction
from tests.lowering import lower

from .programs import assert_agrees

n = Dim("n")
i, j, k, l, p, q = indices("i j k l p q")
SIZES = {i: n, j: 4, k: 5, l: 2, p: 3, q: 2}


def einsum(left: str, right: str, result: str, scale: object = 1) -> tuple[str, ...]:
    """Lower a sum of products in einsum notation, compare it with the interpreter; return the structure."""
    names = {str(s): s for s in SIZES}
    a, b, c = ([names[x] for x in word] for word in (left, right, result))
    A = tensor("A", [SIZES[x] for x in a])
    B = tensor("B", [SIZES[x] for x in b])
    bound = [x for x in dict.fromkeys([*a, *b]) if x not in c]
    shape = [SIZES[x] for x in c]
    C = define("C", c, Sum(scale * A.at(*a) * B.at(*b), *((x, SIZES[x]) for x in bound)), shape=shape)
    program = collect([C])
    rng = np.random.default_rng(0)
    values = {t.name: rng.normal(size=[3 if s == n else s for s in t.shape]) for t in program.inputs}
    assert_agrees(program, values)
    return lower(program).structures


@pytest.mark.parametrize(
    "left, right, result",
    [
        ("ik", "kj", "ij"),
        ("ki", "kj", "ij"),
        ("ik", "jk", "ij"),
        ("ki", "jk", "ij"),
        ("ik", "k", "i"),
        ("k", "kj", "j"),
        ("ilk", "kj", "ilj"),
        ("ijk", "ijp", "kp"),
        ("lik", "lkj", "lij"),
        ("ilk", "jlk", "lij"),
        ("iplk", "jplk", "plij"),
        ("ik", "lkj", "lij"),
        ("ik", "kj", "ji"),
    ],
)
def test_products_of_matrices(left: str, right: str, result: str) -> None:
    assert einsum(left, right, result) == ("gemm",)


@pytest.mark.parametrize(
    "left, right, result",
    [("ik", "ik", "i"), ("ik", "ik", ""), ("ik", "j", "ij"), ("ikl", "kj", "ij")],
)
def test_other_sums_become_loops(left: str, right: str, result: str) -> None:
    assert einsum(left, right, result) != ("gemm",)


def test_numbers_and_sizes_become_the_factor() -> None:
    assert einsum("ik", "kj", "ij", sp.Rational(-1, 3) / sp.sqrt(n)) == ("gemm",)


@settings(max_examples=60)
@given(st.data())
def test_any_einsum(data: st.DataObject) -> None:
    words = [
        "".join(data.draw(st.lists(st.sampled_from("ijklpq"), unique=True, min_size=1, max_size=4)))
        for _ in range(2)
    ]
    used = sorted(set("".join(words)))
    result = "".join(data.draw(st.lists(st.sampled_from(used), unique=True, max_size=3)))
    if set(used) <= set(result):
        result = result[1:]
    einsum(words[0], words[1], result)


def test_rows_that_overlap_are_no_matrix() -> None:
    A, B = tensor("A", (8,)), tensor("B", (3, 4))
    C = define("C", (p, j), Sum(A.at(p + k) * B[k, j], k), shape=(3, 4))
    assert lower(collect([C])).structures != ("gemm",)


def test_a_vector_that_is_read_backwards_is_no_matrix_for_blas() -> None:
    v, X, W = tensor("v", (n,)), tensor("X", (n, 5)), tensor("W", (n, 4, 1))
    products = [v[::-1] @ X, X.T @ v[::-1], tensor("Y", (n, 3, 4)) @ W[:, ::-1]]
    program = collect(products)
    contractions = [step.work for step in lower(program).steps if isinstance(step.work, Contraction)]
    assert all(o.lead.terms[0][1] > 0 for c in contractions for o in (c.left, c.right))
    rng = np.random.default_rng(0)
    values = {t.name: rng.normal(size=[7 if s == n else s for s in t.shape]) for t in program.inputs}
    assert_agrees(program, values)


def test_a_sum_over_positions_from_data_becomes_a_scatter() -> None:
    ids, G = tensor("ids", (n,), dtype="int64"), tensor("G", (n, 4))
    E = define("E", (p, j), Sum(sp.Piecewise((G[i, j], sp.Eq(ids[i], p)), (0, True)), i), shape=(3, 4))
    program = collect([E])
    assert lower(program).structures == ("i2(i3),i0(i1)",) or "(" in lower(program).structures[0]
    assert_agrees(program, {"ids": np.array([2, 0, 2, 1, 7]), "G": np.arange(20.0).reshape(5, 4)})
    (kernel,) = lower(program).kernels
    assert len(kernel.sizes) <= 3  # no loop tests every row for every sample
