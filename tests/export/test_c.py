"""``compiled.export("name.c")``: what the files need, say and refuse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ArgumentError, CompileError, EmitError

from .c import COMPILER, FLAGS, load, needs_compiler

RNG = np.random.default_rng(7)


def classifier() -> tuple[sd.Tensor, sd.Tensor]:
    n = sd.Dim("n")
    X, t = sd.tensor("X", (n, 5)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 7, activation=sd.relu, name="first")
    logits = sd.nn.dense(h, 3, name="second")
    return logits, sd.nn.cross_entropy(logits, t)


def weights(dtype: str) -> dict[str, np.ndarray]:
    shapes = {"first.W": (5, 7), "first.b": (7,), "second.W": (7, 3), "second.b": (3,)}
    return {name: RNG.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_loss_with_its_gradients(tmp_path: Path, dtype: str) -> None:
    _, loss = classifier()
    step = sd.compile(loss, wrt="parameters", dtype=dtype)  # type: ignore[call-overload]
    paths = step.export(tmp_path / "step.c")
    assert [path.name for path in paths] == ["step.c", "step.h"]
    function = load([tmp_path / "step.c"])["step"]
    given = weights(dtype)
    for n in (1, 6):
        X, t = RNG.normal(size=(n, 5)).astype(dtype), RNG.integers(0, 3, n)
        value, gradients = step(X=X, t=t, **given)
        results = [np.zeros(np.shape(a), dtype) for a in (value, *gradients.values())]
        assert function({"n": n}, [X, t, *given.values()], results) == 0
        for ours, expected in zip(results, (value, *gradients.values()), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=2e-5 if dtype == "float32" else 1e-12, atol=1e-6)
    t[:] = 3
    assert function({"n": n}, [X, t, *given.values()], results) == 1


@needs_compiler
def test_weights_become_part_of_the_file(tmp_path: Path) -> None:
    logits, _ = classifier()
    predict = sd.compile(logits, dtype="float32")
    given = weights("float32")
    predict.export(tmp_path / "model.c", values=given)
    X, result = RNG.normal(size=(4, 5)).astype("float32"), np.zeros((4, 3), "float32")
    assert load([tmp_path / "model.c"])["model"]({"n": 4}, [X], [result]) == 0
    np.testing.assert_allclose(result, predict(X=X, **given), rtol=1e-5, atol=1e-6)


@needs_compiler
def test_recurrences_are_loops(tmp_path: Path) -> None:
    n, time = sd.Dim("n"), sd.Dim("time")
    x = sd.tensor("x", (n, time, 3))
    states, _ = sd.nn.lstm(x, 4, name="cell")
    loss = (states**2).sum()
    step = sd.compile(loss, wrt="parameters")
    step.export(tmp_path / "cell.c")
    function = load([tmp_path / "cell.c"])["cell"]
    values = {str(t.name): RNG.normal(size=[{"n": 2, "time": 5}.get(str(s), s) for s in t.shape])
              for t in step.program.inputs}  # fmt: skip
    value, gradients = step(**values)
    results = [np.zeros(np.shape(a)) for a in (value, *gradients.values())]
    assert function({"n": 2, "time": 5}, list(values.values()), results) == 0
    for ours, expected in zip(results, (value, *gradients.values()), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-11)


@needs_compiler
def test_a_program_in_c_uses_the_files_as_they_are(tmp_path: Path) -> None:
    logits, _ = classifier()
    sd.compile(logits).export(tmp_path / "model.c", values=weights("float64"))
    main = """#include <stdio.h>
#include "model.h"
static double workspace[4096];
int main(void) {
    double X[10] = {0}, result[6];
    if (model_workspace(2) > sizeof workspace) return 2;
    if (model(2, X, result, workspace)) return 1;
    printf("%d", result[0] == result[3]);
    return 0;
}
"""
    (tmp_path / "main.c").write_text(main)
    sources = [str(tmp_path / name) for name in ("main.c", "model.c")]
    program = str(tmp_path / "program")
    subprocess.run([COMPILER, *FLAGS, "-o", program, *sources, "-lm"], check=True)
    assert subprocess.run([program], capture_output=True, check=True, text=True).stdout == "1"


@needs_compiler
def test_functions_of_ones_own_are_declared(tmp_path: Path) -> None:
    softsign = sd.function(
        "softsign", derivative=lambda x: 1 / (1 + sp.Abs(x)) ** 2, numpy=lambda x: x / (1 + np.abs(x))
    )
    x = sd.tensor("softsign", (sd.Dim("n"),))
    compiled = sd.compile(softsign(2 * x).sum(), wrt=[x], dtype="float32", target="python")
    compiled.export(tmp_path / "step.c")
    assert "double softsign(double);" in (tmp_path / "step.h").read_text()
    with (tmp_path / "step.c").open("a") as file:
        file.write("double softsign(double x) { return x / (1 + fabs(x)); }\n")
    values, results = RNG.normal(size=4).astype("float32"), [np.empty(1, "float32"), np.empty(4, "float32")]
    assert load([tmp_path / "step.c"])["step"]({"n": 4}, [values], results) == 0
    value, gradients = compiled(softsign=values)
    np.testing.assert_allclose(results[0][0], value, rtol=1e-5)
    np.testing.assert_allclose(results[1], gradients["softsign"], rtol=1e-5)
    other = sd.function("tgamma", numpy=np.sqrt, arguments=1)
    with pytest.raises(EmitError, match="tgamma has a meaning"):
        sd.compile(other(x), target="python").export(tmp_path / "other.c")


def test_scalar_functions_take_points(tmp_path: Path) -> None:
    x, y = sp.symbols("x y")
    compiled = sd.compile([x * sp.exp(y), sp.sin(x)], wrt=[y])
    compiled.export(tmp_path / "pair.c")
    points = RNG.normal(size=(2, 9))
    results = [np.zeros(9) for _ in range(4)]
    assert load([tmp_path / "pair.c"])["pair"]({"points": 9}, list(points), results) == 0
    values, slopes = compiled(x=points[0], y=points[1])
    np.testing.assert_allclose(results, [*values, *slopes["y"]], rtol=1e-13)


def test_names_of_users_stay_names(tmp_path: Path) -> None:
    x = sd.tensor("*/ int double", (2,))
    sd.compile(sd.exp(x)).export(tmp_path / "while.c")
    source = (tmp_path / "while.c").read_text()
    assert "int while(" not in source
    assert "*/ int double" not in source


def test_what_is_refused(tmp_path: Path) -> None:
    logits, _ = classifier()
    predict = sd.compile(logits, target="python")
    with pytest.raises(CompileError, match=r"use one of \.c"):
        predict.export(tmp_path / "model.rs")
    with pytest.raises(ArgumentError, match="no input"):
        predict.export(tmp_path / "model.c", values={"third.W": np.zeros((7, 3))})
    with pytest.raises(ArgumentError, match="wrong shape"):
        predict.export(tmp_path / "model.c", values={"second.b": np.zeros(4)})
    assert not list(tmp_path.iterdir())


@needs_compiler
@pytest.mark.parametrize("size", [1, 2, 37, 1000])
def test_rows_are_sorted(size: int, tmp_path: Path) -> None:
    n = sd.Dim("n")
    x, w = sd.tensor("x", (2, n)), sd.tensor("w", (n,), dtype="int64")
    wanted = [sd.argsort(x, 1), sd.argsort(x, 1, descending=True), sd.argsort(w, descending=True)]
    both = sd.compile([*wanted, sd.argsort(w)])
    both.export(tmp_path / "order.c")
    rng = np.random.default_rng(size)
    given = rng.choice([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, *rng.normal(size=9)], (2, size))
    whole = rng.integers(-3, 3, size) * 2**61
    expected = both(x=given, w=whole)
    results = [np.zeros(np.shape(a), "int64") for a in expected]
    assert load([tmp_path / "order.c"])["order"]({"n": size}, [given, whole], results) == 0
    for ours, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(ours, other)
