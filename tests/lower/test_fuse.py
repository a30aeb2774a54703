"""Which equations share loops, and which kernels layers share."""

from __future__ import annotations

import pytest
import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.express.build import parameter, parameters, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise, maximum
from symdl.express.program import Program, collect
from symdl.express.surface import LogSumExp, Sum, define
from symdl.express.tensors import Tensor
from symdl.lower.lowered import Lowered
from tests.lowering import lower

n = Dim("n")
i, j = indices("i j")


def shapes(lowered: Lowered) -> list[str]:
    """The loop structures with the loops' names left out: ``n(j,j)``."""
    found = []
    for structure in lowered.structures:
        text = structure if structure == "gemm" else "".join("x" if c == "i" else c for c in structure)
        found.append("".join(c for c in text if not c.isdigit()))
    return found


def network(depth: int, width: int = 6) -> Program:
    X, t = tensor("X", (n, width)), tensor("t", (n,), dtype="int64")
    h: Tensor = X
    for layer in range(depth):
        W, b = parameter(f"{layer}.W", (width, width)), parameter(f"{layer}.b", (width,))
        h = maximum(h @ W + b, 0)
    l = define("l", (i,), LogSumExp(h[i, j], j))
    loss = define("L", (), Sum((l[i] - h[i, t[i]]) / n, i))
    return differentiate(loss, parameters(loss)).program


def test_bias_and_activation_share_a_nest() -> None:
    X, b = tensor("X", (n, 5)), parameter("b", (5,))
    assert shapes(lower(collect([maximum(X + b, 0)]))) == ["x(x)"]


def test_elementwise_work_on_whole_tensors_is_one_flat_loop() -> None:
    X, Y = tensor("X", (n, 5)), tensor("Y", (n, 5))
    assert shapes(lower(collect([elementwise(lambda x, y: sp.tanh(x * y), X, Y) + X]))) == ["x"]


def test_softmax_takes_one_row_at_a_time() -> None:
    Z = tensor("Z", (n, 20))
    l = define("l", (i,), LogSumExp(Z[i, j], j))
    P = define("P", (i, j), sp.exp(Z[i, j] - l[i]))
    total = define("s", (), Sum(l[i] / n, i))
    assert shapes(lower(collect([P, total]))) == ["x(x,x,x)"]


def test_a_column_sum_joins_the_rows_that_make_it() -> None:
    G, Z = tensor("G", (n, 5)), tensor("Z", (n, 5))
    D = define("D", (i, j), sp.Piecewise((G[i, j], Z[i, j] > 0), (0, True)))
    c = define("c", (j,), Sum(D[i, j], i))
    assert shapes(lower(collect([c, D]))) == ["x,x(x)"]


def test_a_column_sum_runs_along_the_rows() -> None:
    G = tensor("G", (n, 5))
    (kernel,) = lower(collect([define("c", (j,), Sum(G[i, j], i))])).kernels
    assert shapes(lower(collect([define("c", (j,), Sum(G[i, j], i))]))) == ["x,x(x)"]
    assert kernel.name == "kernel_0"


def test_a_whole_sum_that_others_need_ends_the_nest() -> None:
    X = tensor("X", (n, 5))
    total = X.sum()
    assert shapes(lower(collect([X / total]))) == ["x", "x"]


def test_the_network_of_two_layers() -> None:
    found = shapes(lower(network(2)))
    assert found.count("gemm") == 5
    assert len(found) <= 8


def test_naive_makes_one_kernel_call_an_equation() -> None:
    program = network(2)
    assert len(lower(program, schedule="naive").structures) == len(program.equations)


@pytest.mark.parametrize("schedule", ["fused", "naive"])
def test_the_number_of_kernels_does_not_grow_with_depth(schedule: str) -> None:
    small, large = (lower(network(d), schedule=schedule) for d in (4, 40))  # type: ignore[arg-type]
    assert len(small.kernels) == len(large.kernels)
    assert len(large.calls) >= 9 * len(small.calls)
    assert [k.items for k in small.kernels] == [k.items for k in large.kernels]


def test_calls_grow_in_proportion_to_equations() -> None:
    counts = [len(lower(network(d)).calls) for d in (10, 20, 40)]
    assert counts[2] - counts[1] == 2 * (counts[1] - counts[0])
