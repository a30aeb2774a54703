"""Costs on paper: against counts by hand, and against a walk that does every iteration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import ArgumentError
from symdl.lower.ir.integers import Poly, atoms, constant, evaluate, rebuild
from symdl.lower.ir.loops import KernelItem, Loop, Start, Store, Update, When, conditions, statements
from symdl.lower.ir.names import LoopVar, Param, Slot
from symdl.lower.ir.visitors import polys
from symdl.lower.kernels import KernelCall, ProductCall, without_checks
from symdl.run.cuda.data_sheets import MACHINES
from symdl.run.training import compile_training
from symdl.schedule.cost import CallCost, Cost, Machine, predicted, total

n, m = sd.Dim("n"), sd.Dim("m")
TARGETS = pytest.mark.parametrize("target", ["cpu", "cuda", "python"])
PAPER = Machine("paper", bandwidth=100.0, rate=10.0, launch=2.0, source="made up")


def cost(outputs: Any, *, target: str = "cuda", dtype: str = "float32", **sizes: int) -> Cost:
    return total(sd.compile(outputs, target=target, dtype=dtype).built.costs(sizes))  # type: ignore[call-overload]


@TARGETS
def test_a_matrix_product(target: str) -> None:
    X, W = sd.tensor("X", (n, 30)), sd.parameter("W", (30, 20))
    found = cost(X @ W, target=target, n=64)
    assert found == Cost(4 * (64 * 30 + 30 * 20), 4 * 64 * 20, 2 * 64 * 30 * 20, 0, 1)


@TARGETS
@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("float64", 8)])
def test_an_elementwise_chain_is_read_and_written_once(target: str, dtype: str, size: int) -> None:
    X, b = sd.tensor("X", (n, 30)), sd.parameter("b", (30,))
    found = cost(sd.exp(X * X + b) * X, target=target, dtype=dtype, n=50)
    assert found == Cost(size * (50 * 30 + 30), size * 50 * 30, 3 * 50 * 30, 50 * 30, 1)


def test_a_softmax_reads_each_row_once() -> None:
    found = cost(sd.softmax(sd.tensor("X", (n, 30))), n=50)
    assert (found.read, found.launches) == (4 * 50 * 30, 1)
    assert found.written >= 4 * 50 * 30
    assert found.functions >= 50 * 30


def test_a_batch_of_products_and_one_matrix_for_all() -> None:
    A, B = sd.tensor("A", (n, 5, 6)), sd.tensor("B", (n, 6, 7))
    assert cost(A @ B, n=3) == Cost(4 * 3 * (30 + 42), 4 * 3 * 35, 2 * 3 * 5 * 6 * 7, 0, 1)
    W = sd.parameter("W", (6, 7))
    assert cost(A @ W, n=3) == Cost(4 * (3 * 30 + 42), 4 * 3 * 35, 2 * 3 * 5 * 6 * 7, 0, 1)


def test_a_recurrence_counts_its_steps() -> None:
    def steps(time: int) -> Cost:
        h = sd.nn.rnn(sd.tensor("x", (n, time, 3)), 4, name=f"r{time}")
        return cost(h, n=2)

    short, middle, long = steps(5), steps(15), steps(25)
    assert long.operations - middle.operations == middle.operations - short.operations > 0
    assert long.launches - middle.launches == middle.launches - short.launches >= 10


def test_values_at_given_positions() -> None:
    E, k = sd.parameter("E", (1000, 8)), sd.tensor("k", (n,), dtype="int64")
    i, d = sd.indices("i d")
    found = cost(sd.define("rows", (i, d), E[k[i], d]), n=5)
    assert found == Cost(4 * 5 * 8 + 8 * 5, 4 * 5 * 8, 0, 0, 1)
    many = cost(sd.define("rows", (i, d), E[k[i], d]), n=5000)
    assert many.read == 4 * 1000 * 8 + 8 * 5000  # there are no more


@TARGETS
def test_costs_add_up(target: str) -> None:
    X, Y = sd.tensor("X", (n, 30)), sd.tensor("Y", (m, 7))
    first, second = X @ sd.parameter("W", (30, 20)), sd.tanh(Y * 2)
    apart = cost(first, target=target, n=64) + cost(second, target=target, m=9)
    assert cost([first, second], target=target, n=64, m=9) == apart
    assert apart == (Cost() + apart) * 1


@given(st.integers(1, 50), st.integers(2, 9))
def test_costs_scale_with_sizes(count: int, times: int) -> None:
    X, W = sd.tensor("X", (n, 6)), sd.parameter("W", (6, 5))
    f = sd.compile([sd.relu(X), X @ W], target="cuda", dtype="float32")
    small, large = (total(f.built.costs({"n": size})) for size in (count, count * times))
    weights = 4 * 30
    assert large.read - weights == times * (small.read - weights)
    assert (large.written, large.operations) == (times * small.written, times * small.operations)
    assert large.launches == small.launches


def network() -> Any:
    X, t = sd.tensor("X", (n, 40)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 64, activation=sd.relu, name="first")
    return sd.nn.cross_entropy(sd.nn.dense(h, 10, name="second"), t)


def test_pieces_of_a_step_do_what_the_whole_does() -> None:
    loss = network()
    made = compile_training(loss, sd.parameters(loss), sd.nn.SGD(0.1).updates, threads=2)
    for batch in (64, 640):
        costs = made.costs({"n": batch})
        products = sum(c.cost.operations for c in costs if isinstance(c.call, ProductCall))
        assert products == 2 * batch * (2 * 40 * 64 + 3 * 64 * 10)
    assert len(made.costs({"n": 640})) > len(made.costs({"n": 8}))


def test_a_step_gathers_its_samples_and_adds_to_totals() -> None:
    loss = network()
    made = compile_training(loss, sd.parameters(loss), sd.nn.SGD(0.1).updates, target="cuda")
    images, labels, *_, loss_total = made.costs({"n": 64})
    assert images.cost == Cost(64 * (4 * 40 + 8), 64 * 4 * 40, launches=1)
    assert labels.cost == Cost(64 * 16, 64 * 8, launches=1)
    assert loss_total.cost.launches == 1
    with pytest.raises(KeyError):
        made.costs({})
    X = sd.tensor("X", (4, 3))
    square = (sd.parameter("w", (3,)) * X).mean() ** 2
    fixed = compile_training(square, sd.parameters(square), sd.nn.SGD(0.1).updates)
    with pytest.raises(ArgumentError, match="no batch axis"):
        fixed.costs({"n": 4})


def test_predictions() -> None:
    call: Any = None
    bytes_, work = Cost(300, 100, 1, 0, 1), Cost(1, 0, 100, 0, 1)
    assert predicted([CallCost(call, 1, bytes_)], PAPER) == pytest.approx(4 + 2)
    assert predicted([CallCost(call, 1, work)], PAPER) == pytest.approx(10 + 2)
    both = [CallCost(call, 1, bytes_), CallCost(call, 3, work * 3)]
    assert predicted(both, PAPER) == pytest.approx(6 + 3 * 12)
    assert predicted([CallCost(call, 1, Cost())], PAPER) == 0
    assert predicted([CallCost(call, 1, Cost(functions=5))], PAPER) == pytest.approx(8)


class Walk:
    """A kernel, iteration by iteration: which elements it reads before it writes them, which it writes."""

    def __init__(self, sizes: Mapping[Param, int]) -> None:
        self.sizes = sizes
        self.read: set[tuple[Slot, int]] = set()
        self.written: set[tuple[Slot, int]] = set()

    def number(self, poly: Poly, at: Mapping[LoopVar, int]) -> int:
        known: dict[Any, int] = {**self.sizes, **at}
        return evaluate(rebuild(poly, lambda a: constant(known[a]) if a in known else None), {})

    def block(self, items: tuple[KernelItem, ...], at: Mapping[LoopVar, int]) -> None:
        for item in items:
            if isinstance(item, Loop):
                for value in range(self.number(item.extent, at)):
                    self.block(item.items, {**at, item.var: value})
            elif isinstance(item, When):
                self.block(item.items, at)
            elif not isinstance(item, Start):
                found = {(e.array, self.number(e.at, at)) for e in item.body.elements}
                if isinstance(item, Store | Update):
                    target = (item.target, self.number(item.where[0], at))
                    found |= {target} if isinstance(item, Update) else set()
                    self.read |= found - self.written
                    self.written.add(target)
                self.read |= found - self.written


def plain(items: tuple[KernelItem, ...]) -> bool:
    """Say whether positions depend on loops only, and nothing is left out."""
    found = [p for s in statements(items) for p in polys(s)]
    guarded = any(getattr(s, "guards", ()) for s in statements(items)) or any(conditions(items))
    data = any(not isinstance(a, LoopVar | Param) for p in found for a in atoms(p))
    return not guarded and not data


def programs() -> Iterator[Any]:
    X, b = sd.tensor("X", (n, 7)), sd.parameter("b", (7,))
    yield sd.softmax(X + b)
    yield [X.sum(axis=0), X.max(axis=1), (X * X).mean()]
    yield sd.nn.layer_norm(X, name="norm")
    yield (sd.nn.dense(X, 3, activation=sd.tanh, name="d") ** 2).mean()
    yield X.T + sd.tensor("Y", (7, n))
    yield sd.cumsum(X, axis=1)


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("target", ["cuda", "python"])
def test_bytes_are_those_of_a_walk_over_all_iterations(target: str, count: int) -> None:
    walked = 0
    for outputs, schedule in itertools.product(programs(), ("fused", "naive")):
        f = sd.compile(outputs, target=target, dtype="float32", schedule=schedule)  # type: ignore[call-overload]
        lowered = f.built.lowered
        costs = f.built.costs({"n": count})
        for found, call in zip(costs, without_checks(lowered.calls), strict=True):
            if not isinstance(call, KernelCall) or not plain(lowered.kernels[call.kernel].items):
                continue
            kernel = lowered.kernels[call.kernel]
            sizes = zip(kernel.sizes, call.sizes, strict=True)
            walk = Walk({param: evaluate(size, {"n": count}) for param, size in sizes})
            walk.block(kernel.items, {})
            assert found.cost.written == 4 * len(walk.written), kernel
            assert found.cost.read == 4 * len(walk.read), kernel
            walked += 1
    assert walked > 15


def test_data_sheets_say_where_they_are_from() -> None:
    for name, machine in MACHINES.items():
        assert name in machine.source and 1e12 < machine.bandwidth < machine.rate < 1e14
