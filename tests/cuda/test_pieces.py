"""Matrix products with few tiles and a long inner axis: blocks share it, another launch does the rest."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.lower.cuda import tiles
from symdl.lower.cuda.tiles import pieces
from symdl.run import modules
from symdl.run.cuda import choice
from symdl.run.runtime import Target
from symdl.schedule.cost import total
from tests.cuda.conftest import on
from tests.cuda.device import SimulatedDevice
from tests.cuda.toolchain import needs_compiler

n = sd.Dim("n")
RNG = np.random.default_rng(17)


@pytest.fixture(autouse=True)
def short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inner axes are long from 128 elements on, and a piece is as short as a panel."""
    if "choice" not in request.node.name:
        monkeypatch.setattr(tiles, "_LONG", 128)
        monkeypatch.setattr(tiles, "_SHORTEST", 64)


def products(rows: int, inner: int, columns: int) -> tuple[list[sd.Tensor], dict[str, Any]]:
    """Return a product with an epilogue, one of a transposed matrix without, and arrays."""
    m, k, p = sd.Dim("m"), sd.Dim("k"), sd.Dim("p")
    A, B, C, b = (sd.tensor(*given) for given in (("A", (m, k)), ("B", (k, p)), ("C", (k, m)), ("b", (p,))))
    given = {"A": RNG.normal(size=(rows, inner)), "B": RNG.normal(size=(inner, columns))}
    given |= {"C": RNG.normal(size=(inner, rows)), "b": RNG.normal(size=columns)}
    return [sd.relu(A @ B + b), C.T @ B], given


def layer(rows: int, inner: int, columns: int) -> tuple[sd.Tensor, dict[str, Any]]:
    """Return the first of them alone."""
    made, given = products(rows, inner, columns)
    return made[0], {name: given[name] for name in "ABb"}


def test_the_choice_follows_the_sizes() -> None:
    assert pieces(1, 200, 10, 8192) == (8, 1024)
    assert pieces(1, 784, 100, 8192) == (1, 8192)  # enough tiles
    assert pieces(1, 10, 10, 1024) == (1, 1024)  # short
    assert pieces(1, 10, 10, 2049) == (4, 576) and pieces(95, 10, 10, 4096) == (2, 2048)
    assert pieces(0, 10, 10, 0) == (1, 0)
    for inner in range(2048, 9000, 37):
        count, stretch = pieces(1, 16, 16, inner)
        assert (count - 1) * stretch < inner <= count * stretch and stretch % 64 == 0
    made = choice.chosen_tiles(1, 200, 10, 8192)
    assert (made.form, made.blocks, made.threads, made.largest) == ("pieces", 8 * 13, 256, 256)


@needs_compiler
@pytest.mark.parametrize("size", [(5, 130, 17), (17, 256, 3)], ids=str)
def test_right_numbers(size: tuple[int, int, int], device: SimulatedDevice, target: Target) -> None:
    made, given = products(*size)
    f = sd.compile(made, target=target)
    for ours, right in zip(f(**given), sd.compile(made)(**given), strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-12, atol=1e-12)
    dims = dict(zip("mkp", size, strict=True))
    assert len(device.reports) == total(f.built.costs(dims)).launches == 2 * len(made)
    assert sum("pieces" in report.kernel for report in device.reports) == len(made)


@needs_compiler
def test_batches_of_products(target: Target) -> None:
    Q, K = sd.tensor("Q", (n, 2, 5, 130)), sd.tensor("K", (n, 2, 6, 130))
    b, h, i, j, d = sd.indices("b h i j d")
    scores = sd.define("S", (b, h, i, j), sd.Sum(Q[b, h, i, d] * K[b, h, j, d], d) / sp.sqrt(3))
    given = {"Q": RNG.normal(size=(2, 2, 5, 130)), "K": RNG.normal(size=(2, 2, 6, 130))}
    ours = sd.compile(sd.tanh(scores), target=target)(**given)
    np.testing.assert_allclose(ours, sd.compile(sd.tanh(scores))(**given), rtol=1e-12)


@needs_compiler
def test_bits_do_not_depend_on_the_device() -> None:
    made, given = layer(5, 150, 17)
    found = []
    for multiprocessors in (1, 7):
        device = SimulatedDevice(multiprocessors=multiprocessors)
        found.append(np.asarray(sd.compile(made, target=on(device))(**given)))
        device.settled()
    np.testing.assert_array_equal(found[0], found[1])


@needs_compiler
def test_steps_of_training_are_captured_with_both_launches(device: SimulatedDevice, target: Target) -> None:
    """Gradients of weights are sums over the samples of a batch; the update is their epilogue."""
    X, t = sd.tensor("X", (n, 6)), sd.tensor("t", (n,), dtype="int64")
    loss = sd.nn.cross_entropy(sd.nn.dense(X, 4, name="only"), t)
    samples = {"X": RNG.normal(size=(300, 6)), "t": RNG.integers(0, 4, 300)}
    weights = []
    for where in (target, "cpu"):
        model = sd.Model(loss, target=where, seed=3, dtype="float64")
        model.fit(samples, optimizer=sd.nn.SGD(0.1), batch_size=150, epochs=2)
        weights.append(np.array(model.parameters["only.W"]))
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-10, atol=1e-12)
    assert {"pieces", "together"} <= {report.kernel.rpartition("_")[2] for report in device.reports}


BROKEN = {
    "a piece too long": (r" and \w+ < end", ""),
    "a piece is left out": (r"for part in range\(pieces\)", "for part in range(pieces - 1)"),
    "pieces beyond the last one": (r"for part in range\(pieces\)", "for part in range(pieces + 1)"),
    "sums of one piece over those of another": (r"partial\[\(tile // across // down \* ", "partial[(0 * "),
}


@needs_compiler
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, given = layer(5, 140, 7)
    pattern, replacement = BROKEN[name]
    load = modules.load

    def broken(source: str, foundation: tuple[str, ...] = ()) -> Any:
        changed = re.sub(pattern, replacement, source)
        assert changed != source
        return load(changed, foundation)

    monkeypatch.setattr(modules, "load", broken)
    device = SimulatedDevice()
    found = sd.compile(made, target=on(device))(**given)
    assert device.findings or not np.allclose(found, sd.compile(made)(**given), rtol=1e-12, atol=1e-12)
