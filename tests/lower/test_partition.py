"""Schedules in blocks: how calls are cut, how many phases and tasks there are."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
import sympy as sp

import symdl as sd
from symdl.express.program import collect
from symdl.lower.ir.integers import product
from symdl.lower.ir.loops import LAYOUT_BLOCK
from symdl.lower.ir.names import Rows
from symdl.lower.kernels import CombineCall, GatherCall, ProductCall, RepeatCall
from symdl.run.training import compile_training
from symdl.schedule.block_sizes import layout_blocks, pieces, sample_blocks, worth_adding
from symdl.schedule.feature_shares import SHARES, feature_shares
from symdl.schedule.partition import partition
from symdl.schedule.plan import Partition
from tests.lowering import lower, speedup

n = sd.Dim("n")


def split(loss: Any, batch: int, optimizer: Any = None) -> tuple[Counter[str], Partition]:
    updates = (optimizer or sd.nn.Adam(1e-3)).updates
    made = compile_training(loss, sd.parameters(loss), updates, target="python")
    lowered = lower(made._built.program, batch=made._built.lowered.batch)
    dims = {"n": batch, Rows("n"): batch}
    return Counter(s.kind for s in lowered.splits), partition(lowered, dims, (), ())


def slides() -> Any:
    X, t = sd.tensor("X", (n, 784)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 100, activation=sd.relu, name="a")
    h = sd.nn.dense(h, 200, activation=sd.relu, name="b")
    return sd.nn.cross_entropy(sd.nn.dense(h, 10, name="c"), t)


@pytest.mark.parametrize("batch, blocks", [(64, 2), (128, 4)])
def test_the_slides_network_has_two_phases(batch: int, blocks: int) -> None:
    kinds, found = split(slides(), batch)
    assert set(kinds) == {"rows", "columns", "elements", "whole"}
    assert kinds["whole"] == 1  # Adam's bias correction
    first, second = found.tasks
    assert len(first) == blocks + 1
    assert len(second) >= 4
    assert speedup(found, 2) > 1.8


def test_a_large_gradient_is_handed_to_its_update_in_pieces() -> None:
    _, found = split(slides(), 64)
    products = [isinstance(c, ProductCall) for c in found.calls]
    turns = [products[begin:end] for begin, end, _ in found.tasks[1]]
    assert sum(turn == [True, False] * (len(turn) // 2) and len(turn) >= 2 for turn in turns) >= 5


def gathered(loss: Any, batch: int) -> Partition:
    """The schedule of a step that begins with gathering its samples."""
    made = compile_training(loss, sd.parameters(loss), sd.nn.Adam(1e-3).updates, target="python")
    lowered = made._built.lowered
    data = [lowered.plan.places[t] for t in lowered.program.inputs]
    tensors = [lowered.program.tensors[t] for t in lowered.program.inputs]
    takes = [
        GatherCall(0, place, t.integer, 0, batch, width, width)
        for place, t in zip(data, tensors, strict=True)
        if t.role == "input" and (width := product(t.shape[1:]).number or 0)
    ]
    return partition(lowered, {"n": batch, Rows("n"): batch}, takes, ())


def test_many_features_stay_with_one_worker() -> None:
    found = gathered(slides(), 64)
    assert len(found.tasks) == 3
    first, middle, last = found.homes
    assert sorted(h for h in first if h >= 0) == sorted(h for h in last if h >= 0) == [0, 1, 2, 3]
    assert set(middle) == {-1}
    for workers in (2, 3, 4):
        where = found.by_worker(workers)
        for home in range(4):
            worker = [
                next(a for a, mine in enumerate(where[p]) if found.homes[p].index(home) in mine)
                for p in (0, 2)
            ]
            assert worker[0] == worker[1]


def test_as_many_samples_as_features_are_cut_along_samples() -> None:
    found = gathered(slides(), 512)
    assert all(home == -1 for phase in found.homes for home in phase)


def test_samples_that_others_need_too_are_not_cut_along_features() -> None:
    X, t = sd.tensor("X", (n, 784)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 100, activation=sd.relu, name="a")
    loss = sd.nn.cross_entropy(sd.nn.dense(h, 10, name="c"), t) + (X * X).mean()
    assert all(home == -1 for phase in gathered(loss, 64).homes for home in phase)


@pytest.mark.parametrize("units", [1, 3, 4, 15, 16, 17, 784, 1000])
def test_shares_cover_the_features(units: int) -> None:
    found = feature_shares(units)
    assert (found[0][0], found[-1][1]) == (0, units)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert len(found) <= SHARES


def network(batch: int) -> Partition:
    x, t = sd.tensor("x", (n, 1, 12, 12)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.max_pool2d(sd.nn.conv2d(x, 4, kernel_size=3, activation=sd.relu, name="c"), 2)
    return split(sd.nn.cross_entropy(sd.nn.dense(sd.nn.flatten(h), 10, name="d"), t), batch)[1]


def test_what_one_phase_needs_of_a_sample_has_room_for_one_block() -> None:
    few, many = network(128), network(1024)  # blocks of 16 and of 64 samples
    rooms = [
        {at: b.count.number or 0 for at, b in enumerate(p.buffers) if b.kind == "scratch"}
        for p in (few, many)
    ]
    assert Counter(rooms[1][at] // room for at, room in rooms[0].items())[4] >= 3
    for made, room in zip((few, many), rooms, strict=True):
        assert all(v.offset < room[v.buffer] for v in made.views if v.buffer in room)
    without = [b for b in network(32).buffers if b.kind == "scratch"]  # two blocks, two workers
    assert len(without) + 3 <= len(rooms[0])


def test_batch_statistics_need_more_phases() -> None:
    X = sd.tensor("X", (n, 64))
    h = sd.nn.batch_norm(sd.nn.dense(X, 256, name="a"), name="bn")
    _, found = split((h * h).mean(), 256)
    assert len(found.tasks) > 2


def test_what_mixes_samples_stays_whole() -> None:
    X, W = sd.tensor("X", (n, 8)), sd.parameter("W", (8, 4))
    h = X @ W
    kinds, found = split((h @ h.T).mean(), 256, sd.nn.SGD(0.1))
    assert kinds["whole"] >= 1
    assert found.calls


def test_a_recurrence_goes_along_block_by_block() -> None:
    X, t = sd.tensor("X", (n, 20, 32)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.rnn(X, 64, name="r")
    kinds, found = split(sd.nn.cross_entropy(sd.nn.dense(h[:, -1], 5, name="c"), t), 64)
    assert len(found.tasks) == 2
    assert kinds["rows"] > 8
    assert len(found.tasks[0]) == 3


def test_segments_run_inside_of_one_task() -> None:
    X, t = sd.tensor("X", (n, 20, 32)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.rnn(X, 64, name="r", checkpoint=5)
    _, found = split(sd.nn.cross_entropy(sd.nn.dense(h[:, -1], 5, name="c"), t), 64)
    assert len(found.tasks[0]) == 3  # the way forward by blocks of samples, the way back as a whole
    tasks = [task for phase in found.tasks for task in phase]
    loops = [(at, c.begin) for at, c in enumerate(found.calls) if isinstance(c, RepeatCall)]
    assert len(loops) == 2 * 2 + 3
    assert all(any(first <= begin < at < end for first, end, _ in tasks) for at, begin in loops)


def test_small_steps_stay_in_one_piece() -> None:
    X, t = sd.tensor("X", (n, 4)), sd.tensor("t", (n,), dtype="int64")
    _, found = split(sd.nn.cross_entropy(sd.nn.dense(X, 3, name="a"), t), 32)
    assert [len(p) for p in found.tasks] == [1]
    assert not found.views


@pytest.mark.parametrize("count", [1, 15, 16, 33, 64, 65, 1000, 100_000])
def test_blocks_cover_the_batch(count: int) -> None:
    found = sample_blocks(count)
    assert found[0][0] == 0
    assert found[-1][1] == count
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert len(found) <= 16


@pytest.mark.parametrize("count", [1, 16, 63, 64, 257, 1000])
def test_whole_layout_blocks_cover_the_batch(count: int) -> None:
    found = layout_blocks(count)
    assert found[0][0] == 0
    assert found[-1][1] == count
    assert all(a[1] == b[0] and b[0] % LAYOUT_BLOCK == 0 for a, b in itertools.pairwise(found))
    assert len(found) <= 16


def test_blocks_have_rows_enough_for_matrix_products() -> None:
    assert [b - a for a, b in sample_blocks(32)] == [16, 16]
    assert [b - a for a, b in sample_blocks(16, rows=64)] == [4, 4, 4, 4]


def test_pieces_are_not_a_few_rows() -> None:
    assert pieces(64, 1e6) == [(0, 32), (32, 64)]
    assert pieces(32, 1e6) == [(0, 16), (16, 32)]


@pytest.mark.parametrize("units, cost", [(1, 1e9), (784, 1e5), (17, 1e6), (10, 10.0)])
def test_pieces_cover_a_weight(units: int, cost: float) -> None:
    found = pieces(units, cost)
    assert found[0][0] == 0
    assert found[-1][1] == units
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert all(low < high for low, high in found)


def test_a_gradient_over_many_rows_a_sample_is_added_up_from_blocks() -> None:
    X, y = sd.tensor("X", (n, 200, 8)), sd.tensor("y", (n, 200, 8))
    kinds, found = split(((sd.nn.dense(X, 8, name="a") - y) ** 2).mean(), 64)
    assert kinds["columns"] == 1
    sums = [c for c in found.calls if isinstance(c, CombineCall)]
    assert len(sums) == 3  # of the loss, the weights and the bias
    assert len(found.tasks) == 2
    assert not worth_adding(100, 2, 100.0)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_every_task_has_one_worker(workers: int) -> None:
    _, found = split(slides(), 128)
    for phase, shares in zip(found.tasks, found.by_worker(workers), strict=True):
        assert sorted(t for mine in shares for t in mine) == list(range(len(phase)))


@pytest.mark.parametrize("kind", ["a factor", "a position"])
def test_what_a_sum_over_samples_decides_is_not_cut(kind: str) -> None:
    """Sum and use share a loop over columns; a block of samples would use the sum over itself."""
    i, k = sd.indices("i k")
    K, X, table = sd.tensor("K", (n,), dtype="int64"), sd.tensor("X", (n, 4)), sd.tensor("table", (40, 4))
    total = sd.define("total", (k,), sd.Sum(K[i] * k, i), shape=(4,), dtype="int64")
    factor = total[k] if kind == "a factor" else table[sp.Mod(total[k], 40), k]
    lowered = lower(collect([sd.define("Y", (i, k), X[i, k] * factor)]), batch="n")
    assert [s.kind for s in lowered.splits] == ["whole"]
    apart = lower(collect([sd.define("Y", (i, k), X[i, k] * (k + 1))]), batch="n")
    assert [s.kind for s in apart.splits] == ["rows"]
