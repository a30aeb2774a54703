"""The last samples, rows and columns.

Kind: work is cut into blocks, and what is left over after the last whole one is forgotten, done twice, or
read from beyond the end. The listed member is a mutant that rounded the number of SIMD blocks down: the last
samples of batches of 1, 17 or 33 stayed as they were. Right values: the reference interpreter, which knows no
blocks, at ``B-1, B, B+1, 2B+1`` for every block size ``B`` that the code has (`tests.blocks`). Sizes are
symbolic, so that each program is compiled once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.express.program import Program, collect
from symdl.lower.ir.names import Rows
from symdl.run.compiled import Compiled
from symdl.run.reference.interpreter import evaluate
from symdl.run.training import compile_training
from symdl.schedule.partition import partition
from tests.blocks import around, block_sizes, named_numbers
from tests.targets import PARAMETERS

n, m, k = sd.Dim("n"), sd.Dim("m"), sd.Dim("k")
i, j = sd.indices("i j")
NUMBER = 1000
"""Elements up to which an axis of a program of little work is tried."""


@dataclass(frozen=True)
class Family:
    """Programs of one kind: what is computed, and which of its axes are tried at all sizes.

    Attributes:
        build: outputs, and whether the gradients of their sum are asked for, too.
        axes: for each axis that varies its name, the sizes of the others meanwhile, and its largest block.
        wholes: for each input of integers how large they may be, as a size or a name of one.
        dtype: of all computation.
        definite: the name of an input that is a positive definite matrix.
    """

    build: Callable[[], tuple[list[Any], bool]]
    axes: tuple[tuple[str, Mapping[str, int], int], ...]
    wholes: Mapping[str, int | str] | None = None
    dtype: str = "float64"
    definite: str = ""

    def program(self) -> Program:
        outputs, slopes = self.build()
        if not slopes:
            return collect(outputs)
        loss: Any = sum((t * t).sum() for t in outputs) / 2
        moving = [t for t in collect([loss]).inputs if t.dtype == "real"]
        return collect([*outputs, *sd.grad(loss, moving)])

    def values(self, program: Program, sizes: Mapping[str, int]) -> dict[str, Any]:
        rng = np.random.default_rng(sum(sizes.values()))
        found: dict[str, Any] = {}
        for t in program.inputs:
            if t.value is not None:
                continue
            shape = [sizes[str(e)] if isinstance(e, sd.Dim) else int(e) for e in t.shape]
            if t.dtype == "int64":
                most = (self.wholes or {})[str(t.name)]
                found[str(t.name)] = rng.integers(0, sizes[most] if isinstance(most, str) else most, shape)
                continue
            drawn = rng.normal(size=shape) / 2
            if t.name == self.definite:
                drawn = drawn @ drawn.T / shape[0] + np.eye(shape[0])
            found[str(t.name)] = drawn.astype(self.dtype)
        return found


def dense() -> tuple[list[Any], bool]:
    X, W, b = sd.tensor("X", (n, m)), sd.tensor("W", (m, k)), sd.tensor("b", (k,))
    return [sd.tanh(X @ W + b)], True


def convolutions() -> tuple[list[Any], bool]:
    x = sd.tensor("x", (n, 1, 6, 6))
    h = sd.nn.conv2d(x, 2, kernel_size=3, activation=sd.relu, name="c")
    return [sd.nn.dense(sd.nn.flatten(sd.nn.max_pool2d(h, 2)), 3, name="d")], True


def sequences() -> tuple[list[Any], bool]:
    x = sd.tensor("x", (2, 2, n))
    h = sd.nn.conv1d(x, 3, kernel_size=3, padding="same", name="c")
    return [sd.nn.avg_pool1d(h, 3, stride=1, padding=1)], True


def softmaxes() -> tuple[list[Any], bool]:
    Z, t = sd.tensor("Z", (n, m)), sd.tensor("t", (n,), dtype="int64")
    return [sd.softmax(Z), sd.nn.cross_entropy(Z, t), Z.max(axis=0), Z.argmax(axis=1)], False


def recurrences() -> tuple[list[Any], bool]:
    return [sd.nn.rnn(sd.tensor("x", (n, m, 2)), 3, name="r")], True


def scatters() -> tuple[list[Any], bool]:
    E, ids = sd.tensor("E", (m, 3)), sd.tensor("ids", (n,), dtype="int64")
    return [sd.define("Y", (i, j), E[ids[i], j] ** 2)], True


def scans() -> tuple[list[Any], bool]:
    X = sd.tensor("X", (n, m))
    return [sd.cumsum(X, axis=0), sd.cumsum(X, axis=1), sd.sort(X, axis=1)], False


def matrices() -> tuple[list[Any], bool]:
    A, B = sd.tensor("A", (n, n)), sd.tensor("B", (n, 2))
    return [sd.solve(A, B), sd.cholesky(A)], False


FAMILIES = {
    "dense": Family(
        dense,
        (
            ("n", {"m": 3, "k": 5}, NUMBER),
            ("m", {"n": 5, "k": 3}, NUMBER),
            ("k", {"n": 3, "m": 5}, NUMBER),
        ),
    ),
    "dense in float32": Family(
        dense,
        (("n", {"m": 9, "k": 17}, 100), ("m", {"n": 17, "k": 9}, 100), ("k", {"n": 9, "m": 17}, 100)),
        dtype="float32",
    ),
    "convolutions": Family(convolutions, (("n", {}, 300),)),
    "sequences": Family(sequences, (("n", {}, NUMBER),)),
    "softmaxes": Family(softmaxes, (("n", {"m": 3}, NUMBER), ("m", {"n": 3}, NUMBER)), {"t": "m"}),
    "recurrences": Family(recurrences, (("n", {"m": 2}, 130), ("m", {"n": 2}, 32))),
    "scatters": Family(scatters, (("n", {"m": 4}, NUMBER), ("m", {"n": 20}, NUMBER)), {"ids": "m"}),
    "scans": Family(scans, (("n", {"m": 3}, NUMBER), ("m", {"n": 3}, NUMBER))),
    "matrices": Family(matrices, (("n", {}, 130),), definite="A"),
}


def agrees(found: Iterable[Any], expected: Iterable[Any], dtype: str, where: object) -> None:
    tolerance = 1e-10 if dtype == "float64" else 1e-4
    for ours, theirs in zip(found, expected, strict=True):
        assert np.shape(ours) == np.shape(theirs), where
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale, err_msg=str(where))


@pytest.mark.parametrize("target", [p for p in PARAMETERS if p.id != "python"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_size_around_a_block(name: str, target: Any) -> None:
    family = FAMILIES[name]
    program = family.program()
    compiled = Compiled(program, dtype=family.dtype, target=target, threads=2)
    for axis, others, largest in family.axes:
        for size in around(2, largest):
            sizes = {axis: size, **others}
            values = family.values(program, sizes)
            wanted = evaluate(program, values, dtype=family.dtype)
            agrees(compiled(**values), [wanted[t] for t in program.outputs], family.dtype, sizes)


def network() -> Any:
    """Return a loss whose training step is cut into blocks of samples, rows of weights and phases."""
    X, t = sd.tensor("X", (n, 17)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 33, activation=sd.tanh, name="a")
    h = sd.nn.dense(h, 31, activation=sd.relu, name="b")
    return sd.nn.cross_entropy(sd.nn.dense(h, 9, name="c"), t)


def images() -> Any:
    """Return a loss whose step is cut into layout blocks."""
    X, t = sd.tensor("X", (n, 1, 8, 8)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.max_pool2d(sd.nn.conv2d(X, 3, kernel_size=3, activation=sd.relu, name="a"), 2)
    return sd.nn.cross_entropy(sd.nn.dense(sd.nn.flatten(h), 9, name="c"), t)


def trained(program: Program, own: dict[str, Any], data: Mapping[str, Any], order: Any, size: int) -> float:
    """Train by the reference interpreter, in place; return the sum of the losses of all samples."""
    total = 0.0
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        given = {**own, **{name: array[rows] for name, array in data.items()}}
        found = evaluate(program, {str(t.name): given[str(t.name)] for t in program.inputs})
        own.update({str(old.name): found[new].copy() for old, new in program.updates})
        total += float(found[program.outputs[0]]) * len(rows)
    return total


@pytest.mark.parametrize("build, largest", [(network, 520), (images, 260)])
def test_training_steps_of_every_size_on_several_workers(build: Callable[[], Any], largest: int) -> None:
    loss = build()
    kernel = compile_training(
        loss, sd.parameters(loss), sd.nn.Momentum(0.05).updates, target="cpu", dtype="float64"
    )
    lowered = kernel.built.lowered
    assert len(partition(lowered, {"n": largest, Rows("n"): largest}, (), ()).tasks[0]) > 1
    rng = np.random.default_rng(1)
    for size in around(4, largest):
        count = 2 * size + 1  # the last step has one sample
        data: dict[str, Any] = {"t": rng.integers(0, 9, count)}
        (x,) = (t for t in kernel.program.inputs if t.name == "X")
        data["X"] = rng.normal(size=(count, *map(int, x.shape[1:])))
        own = {
            str(t.name): np.asarray(rng.normal(size=tuple(map(int, t.shape))) / 8)
            for t in kernel.program.inputs
            if t.name not in data
        }
        expected = {name: array.copy() for name, array in own.items()}
        order = rng.permutation(count)
        wanted = trained(kernel.program, expected, data, order, size)
        total = kernel.bind(own, data, size, threads=3).run(order)
        np.testing.assert_allclose(total, wanted, rtol=1e-9)
        agrees(own.values(), [expected[name] for name in own], "float64", size)


def test_functions_of_points() -> None:
    x, y = sp.symbols("x y")
    f: Any = sd.compile(sp.sin(x * y) + sp.exp(-y), wrt=[x], threads=2)
    rng = np.random.default_rng(2)
    for size in around(2, 1 << 15):
        given = {"x": rng.normal(size=size), "y": rng.uniform(0, 1, size)}
        value, slopes = f(**given)
        wanted = np.sin(given["x"] * given["y"]) + np.exp(-given["y"])
        agrees([value, slopes["x"]], [wanted, given["y"] * np.cos(given["x"] * given["y"])], "float64", size)


def test_block_sizes_are_found_in_the_source() -> None:
    """A sample of what is known to cut something: no way of writing it down escapes."""
    numbers = named_numbers()
    assert numbers["lower/ir/loops.py:LAYOUT_BLOCK"] == (16,)
    assert numbers["lower/equations/sorting.py:DIGITS"] == (256,)  # from a shift
    assert numbers["lower/cpu/cache_blocking.py:_SHORTEST"] == (64,)  # from a product
    assert numbers["run/cpu/limits.py:WIDTHS"] == (1, 2, 3)  # in a tuple
    assert 64 in numbers["lower/cuda/tiles.py:TILES"]  # in a record
    assert numbers["schedule/block_sizes.py:_FEW_OF_MANY"] == (256,)  # beside another one
    assert block_sizes() >= {16, 32, 64, 512, 513, 1024}
    assert set(around(16, 16)) == {1, 15, 16, 17, 33}
