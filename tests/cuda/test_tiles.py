"""Matrix products in tiles, with epilogues: which equations join, how many launches, right numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.lower.cuda.tiles import ALL_TILINGS
from symdl.run.cuda import choice
from symdl.run.runtime import Target
from symdl.run.training import compile_training
from symdl.schedule.cost import total
from tests.cuda.toolchain import needs_compiler

n = sd.Dim("n")
RNG = np.random.default_rng(7)
FORMS = {"tiles", "slices", "pieces", "together"}


def forms(function: Any) -> list[set[str]]:
    """Return the forms of each kernel of a module."""
    names = [line[4:].partition("(")[0] for line in function.source.splitlines() if line.startswith("def ")]
    found: dict[str, set[str]] = {}
    for name in names:
        kernel, _, form = name.rpartition("_")
        found.setdefault(kernel, set()).add(form)
    return list(found.values())


def dense(columns: int = 5, inner: int = 7, activation: Any = sd.relu) -> Any:
    return sd.nn.dense(sd.tensor("X", (n, inner)), columns, activation=activation, name="only")


def test_bias_and_activation_are_done_where_the_product_is() -> None:
    f = sd.compile(dense(), target="cuda")
    assert f.structures == ("i0(i1(i2))",)
    assert forms(f) == [FORMS]
    body = f.source.partition("def kernel_0_tiles")[2].partition("def ")[0]
    lines = [line.strip() for line in body.splitlines()]
    assert lines.index("only_Z_ij = only_b[j] + t1_sum") > lines.index("t1_sum = sums[element]")
    assert "# t1[i,j] = sum_{k} X[i,k]*only.W[k,j]" in lines


def test_what_sums_rows_or_moves_elements_does_not_join() -> None:
    X, W = sd.tensor("X", (n, 7)), sd.parameter("W", (7, 7))
    Z = X @ W
    i, j = sd.indices("i j")
    moved = sd.define("moved", (i, j), Z[i, (j + 1) % 7] + 1, shape=(n, 7))
    for other in (sd.softmax(Z), Z.sum(axis=0), Z.sum(axis=1), moved):
        assert sd.compile([Z, other], target="cuda").structures[0] == "gemm"
    assert sd.compile([Z, Z + 1, sd.exp(Z)], target="cuda").structures == ("i0(i1(i2))",)
    assert sd.compile(Z.T + 1, target="cuda").structures == ("i0(i1(i2))",)


def test_a_large_product_is_left_to_what_multiplies_best() -> None:
    assert sd.compile(dense(2048, 2048), target="cuda").structures[0] == "gemm"
    assert "gemm" not in sd.compile(dense(512, 512), target="cuda").structures


def launches(optimizer: Any) -> int:
    """Return how many launches a training step of the slides' network takes, by the launch list."""
    X, t = sd.tensor("X", (n, 784)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 100, activation=sd.relu, name="first")
    h = sd.nn.dense(h, 200, activation=sd.relu, name="second")
    loss = sd.nn.cross_entropy(sd.nn.dense(h, 10, name="third"), t)
    kernel = compile_training(loss, sd.parameters(loss), optimizer.updates, target="cuda")
    return total(kernel.costs({"n": 64})).launches


def test_launches_of_a_training_step_of_the_slides_network() -> None:
    """8 products with all that follows them, 2 for the loss, 3 biases; samples, labels and the total.

    Adam has one more, for the powers of its two rates.
    """
    assert launches(sd.nn.SGD(0.1)) == 16
    assert launches(sd.nn.Adam(1e-3)) == 17


@needs_compiler
@pytest.mark.parametrize("enough", [1, 10**9], ids=["tiles", "slices"])
@pytest.mark.parametrize("size", [(1, 5, 7), (65, 17, 66), (3, 64, 65), (64, 16, 16)], ids=str)
def test_right_numbers_around_the_sizes_of_tiles(
    enough: int, size: tuple[int, int, int], target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_ENOUGH", enough)
    rows, inner, columns = size
    m, k, p = sd.Dim("m"), sd.Dim("k"), sd.Dim("p")
    A, B, b = sd.tensor("A", (m, k)), sd.tensor("B", (k, p)), sd.tensor("b", (p,))
    C = sd.tensor("C", (p, k))
    made = [sd.relu(A @ B + b), A @ B, A @ C.T * 3]
    given = {
        "A": RNG.normal(size=(rows, inner)),
        "B": RNG.normal(size=(inner, columns)),
        "C": RNG.normal(size=(columns, inner)),
        "b": RNG.normal(size=columns),
    }
    found = sd.compile(made, target=target)(**given)
    for ours, right in zip(found, sd.compile(made)(**given), strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-12, atol=1e-12)


def test_the_tiling_follows_the_size_of_the_result() -> None:
    assert [choice.chosen_tiles(1, n, n, 64, ALL_TILINGS).form for n in (64, 512, 1024, 4096)] == [
        *("slices", "slices", "tiles", "large")
    ]
    assert choice.chosen_tiles(1, 4096, 4096, 64).form == "tiles"  # those with epilogues
    assert choice.chosen_tiles(100, 20, 20, 64, ALL_TILINGS).blocks == 100


@needs_compiler
@pytest.mark.parametrize("enough", [1, 10**9], ids=["tiles", "slices"])
def test_batches_of_products_with_epilogues(
    enough: int, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of attention, scaled and masked, for each head of each sample."""
    monkeypatch.setattr(choice, "_ENOUGH", enough)
    Q, K = sd.tensor("Q", (n, 2, 5, 3)), sd.tensor("K", (n, 2, 6, 3))
    b, h, i, j, d = sd.indices("b h i j d")
    scores = sd.define("S", (b, h, i, j), sd.Sum(Q[b, h, i, d] * K[b, h, j, d], d) / sp.sqrt(3))
    made = [sd.tanh(scores) * 2, sd.exp(scores)]
    given = {"Q": RNG.normal(size=(3, 2, 5, 3)), "K": RNG.normal(size=(3, 2, 6, 3))}
    f = sd.compile(made, target=target)
    assert forms(f) == [FORMS]
    for ours, right in zip(f(**given), sd.compile(made)(**given), strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-12)


@needs_compiler
@pytest.mark.parametrize("enough", [1, 10**9], ids=["tiles", "slices"])
def test_rows_and_inner_axes_may_be_several(
    enough: int, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products that no library multiplies: axes of a matrix that do not step through memory as one."""
    monkeypatch.setattr(choice, "_ENOUGH", enough)
    x, y, w = sd.tensor("x", (3, 4, 2)), sd.tensor("y", (2, 4, 2)), sd.tensor("w", (3, 2))
    k, j, l, i = sd.indices("k j l i")
    rows = sd.define("rows", (k, j, l), sd.Sum(w[i, l] * x[i, j, k], i) * 2)
    made = [sd.tensordot(x, y, ([1, 2], [1, 0])), rows, sd.exp(rows)]
    assert all(found == FORMS for found in forms(sd.compile(made, target=target)))
    given = {"x": RNG.normal(size=(3, 4, 2)), "y": RNG.normal(size=(2, 4, 2)), "w": RNG.normal(size=(3, 2))}
    for ours, right in zip(sd.compile(made, target=target)(**given), sd.compile(made)(**given), strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-12)


@needs_compiler
def test_sizes_that_no_unsigned_number_holds_take_another_kernel(
    device: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    f, given = sd.compile(dense(), target=target), {"X": RNG.normal(size=(4, 7))}
    given |= {"only.W": RNG.normal(size=(7, 5)), "only.b": RNG.normal(size=5)}
    narrow = f(**given)
    monkeypatch.setattr("symdl.run.cuda.loops.kind_of", lambda sizes: "int64")
    np.testing.assert_array_equal(f(**given), narrow)
    assert len(device.texts) == 2
