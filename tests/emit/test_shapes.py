"""Golden text: the kernels of one program for each shape of a kernel."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import sympy as sp

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.emit.source import module_source
from symdl.express.program import Program, collect
from symdl.lower.pipeline import lower
from symdl.targets import TARGETS

GOLDEN = Path(__file__).parents[1] / "golden"
n = sd.Dim("n")


def gradients(loss: sd.Tensor) -> Program:
    return differentiate(loss, sd.parameters(loss)).program


def elementwise() -> Program:
    X, Y = sd.tensor("X", (n, 3)), sd.tensor("Y", (n, 3))
    i, j = sd.indices("i j")
    return collect([sd.define("Z", (i, j), sp.Max(X[i, j] - Y[i, j], 0) ** 2)])


def epilogue() -> Program:
    X, W, b = sd.tensor("X", (n, 20)), sd.parameter("W", (20, 30)), sd.parameter("b", (30,))
    return collect([sd.tanh(X @ W + b)])


def row_reduction() -> Program:
    return collect([sd.softmax(sd.tensor("X", (n, 30)))])


def window() -> Program:
    X, K = sd.tensor("X", (n, 2, 9, 9)), sd.parameter("K", (40, 2, 3, 3))
    i, o, p, q, c, r, s = sd.indices("i o p q c r s")
    return collect(
        [
            sd.define(
                "Z", (i, o, p, q), sd.Sum(X[i, c, p + r, q + s] * K[o, c, r, s], c, r, s), shape=(n, 40, 7, 7)
            )
        ]
    )


def scatter() -> Program:
    E, ids, w = sd.parameter("E", (50, 3)), sd.tensor("ids", (n,), dtype="int64"), sd.tensor("w", (n, 3))
    i, j = sd.indices("i j")
    return gradients(sd.define("L", (), sd.Sum(E[ids[i], j] ** 2 * w[i, j], i, j)))


def recurrence() -> Program:
    return collect([sd.nn.lstm(sd.tensor("x", (n, 5, 3)), 12, name="r")[0]])


def scan() -> Program:
    return collect([sd.cumsum(sd.tensor("X", (n, 30)), axis=1)])


def update() -> Program:
    W, G = sd.parameter("W", (20, 30)), sd.tensor("G", (20, 30))
    pairs = sd.nn.Adam(1e-3).updates([W], {W: G})
    return collect([new for _, new in pairs])


def points() -> Program:
    x, y = sd.tensor("x", (n,)), sd.tensor("y", (n,))
    (i,) = sd.indices("i")
    return collect([sd.define("f", (i,), sp.sin(x[i] * y[i]) / (1 + sp.exp(y[i])))])


def samples() -> Program:
    X = sd.tensor("X", (n, 1, 6, 6))
    return collect([sd.relu(sd.nn.conv2d(X, 2, kernel_size=3, name="c"))])


SHAPES: Mapping[str, Callable[[], Program]] = {
    function.__name__: function
    for function in (
        elementwise,
        epilogue,
        row_reduction,
        window,
        scatter,
        recurrence,
        scan,
        update,
        points,
        samples,
    )
}


def kernels(name: str, target: str) -> str:
    """Return the kernels of a module, without what stands around them."""
    found = TARGETS[target]
    lowered = lower(SHAPES[name](), lowering=found.lowering, batch="n" if name == "samples" else "")
    source = module_source(lowered, syntax=found.syntax, dtype="float32")
    start = re.search(r"^(@njit.*\n)?def ", source, re.MULTILINE)
    assert start is not None
    return source[start.start() : re.search(r"\n\n(entries|kernels) = ", source).start()]  # type: ignore[union-attr]


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_kernels(target: str, request: pytest.FixtureRequest) -> None:
    found = "".join(f"=== {name}\n\n{kernels(name, target)}\n" for name in SHAPES)
    file = GOLDEN / f"kernels_{target}.txt"
    if request.config.getoption("--update", default=False):
        file.write_text(found, "utf-8")
    expected = file.read_text("utf-8") if file.exists() else ""
    changes = difflib.unified_diff(expected.splitlines(), found.splitlines(), "golden", "found", lineterm="")
    assert found == expected, "accept with: pytest tests/emit --update\n" + "\n".join(changes)


def test_shapes_are_those_that_they_are_called() -> None:
    """What each is there for is in its text."""
    for name, words in {
        "samples": "put_samples(",
        "points": "far > reach(",
        "scan": "_sum +=",
        "recurrence": "# offset: ",
        "scatter": "E_bar[",
    }.items():
        assert words in kernels(name, "cpu"), name
