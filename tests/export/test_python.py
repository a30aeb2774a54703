"""``compiled.export("name.py")``: what the file says, computes and refuses."""

from __future__ import annotations

import difflib
import importlib
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.emit.alone import literals
from symdl.emit.spelling import PYTHON
from symdl.errors import ArgumentError, EmitError

from . import files
from .test_c import RNG, classifier, weights

GOLDEN = Path(__file__).parents[1] / "golden" / "alone_njit.txt"


def test_golden(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    _, loss = classifier()
    step = sd.compile(loss, wrt="parameters", dtype="float32")
    assert step.export(tmp_path / "step.py") == (tmp_path / "step.py",)
    found = (tmp_path / "step.py").read_text()
    text, _, tested = found.partition("def test():")
    if request.config.getoption("--update", default=False):
        GOLDEN.write_text(text, "utf-8")
    expected = GOLDEN.read_text("utf-8") if GOLDEN.exists() else ""
    changes = difflib.unified_diff(expected.splitlines(), text.splitlines(), "golden", "found", lineterm="")
    assert text == expected, "accept with: pytest tests/export --update\n" + "\n".join(changes)
    assert "symdl" not in text.partition('"""\n')[2] and 'agree("first.W_bar", results[1], (5, 7)' in tested


def everything() -> sd.Tensor:
    """A number that needs every function that a file can hold."""
    x, k = sd.tensor("x", (3,)), sd.tensor("k", (3,), dtype="int64")
    A = sd.tensor("A", (3, 3))
    S = A @ A.T + np.eye(3)
    lost = sd.nn.dropout(x, 0.5, name="lost")
    y = (
        sd.erf(x)
        + sd.erfc(x)
        + sd.gammaln(sd.tensor("z", (3,)))
        + sd.maximum(x, 0.1)
        + x // 0.3
        + x % 0.7
        + lost
    )
    linear = sd.det(S) + sd.logdet(S) + (sd.inv(S) + sd.cholesky(S)).sum()
    for factor in (*sd.slogdet(A), *sd.eigh(A), *sd.qr(A), *sd.svd(A)):
        linear = linear + factor.sum()
    return (y * ((k * k - 3 * k) // (k + 1))).sum() + linear + y.max()


def test_files_test_themselves_without_symdl(tmp_path: Path) -> None:
    path = tmp_path / "everything.py"
    sd.compile(everything()).export(path)
    assert files.run(path) == (0, "ok: all results agree\n")


def test_what_differs_is_found_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "twice.py"
    sd.compile(2 * sd.tensor("x", (2,))).export(path)
    assert files.module(path).test() == 0
    text = path.read_text()
    path.write_text(text.replace("[-1.0,", "[-3.0,"))
    assert files.module(path).test() == 1
    said = capsys.readouterr().out
    assert "found [" in said and said.endswith("not ok\n")


def test_a_loss_with_its_gradients(tmp_path: Path) -> None:
    _, loss = classifier()
    step = sd.compile(loss, wrt="parameters")
    step.export(tmp_path / "step.py")
    function, parameters = files.load(tmp_path / "step.py"), weights("float64")
    for n in (1, 6):
        X, t = RNG.normal(size=(n, 5)), RNG.integers(0, 3, n)
        value, gradients = step(X=X, t=t, **parameters)
        ours, found = function(np.asfortranarray(X), t, *parameters.values())
        assert np.ndim(ours) == 0 and found.keys() == gradients.keys()
        np.testing.assert_allclose(ours, value, rtol=1e-12)
        for name, gradient in gradients.items():
            np.testing.assert_allclose(found[name], gradient, rtol=1e-11, atol=1e-15)
    with pytest.raises(IndexError, match=r"0 \.\. 2"):
        function(X, t + 3, *parameters.values())
    with pytest.raises(ValueError, match=r"X has the shape \(6, 4\), not \(6, 5\)"):
        function(X[:, :4], t, *parameters.values())
    with pytest.raises(TypeError):
        function(X, t + 0.5, *parameters.values())


def test_weights_become_part_of_the_file(tmp_path: Path) -> None:
    logits, _ = classifier()
    predict = sd.compile(logits, dtype="float32")
    parameters = weights("float32") | {"first.b": np.zeros(7, "float32")}
    predict.export(tmp_path / "model.py", values=parameters)
    X = RNG.normal(size=(4, 5)).astype("float32")
    found = files.load(tmp_path / "model.py")(X)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, predict(X=X, **parameters), rtol=1e-5, atol=1e-6)


def test_recurrences_batches_and_sizes_of_windows(tmp_path: Path) -> None:
    n, time = sd.Dim("n"), sd.Dim("time")
    states, _ = sd.nn.lstm(sd.tensor("x", (n, time, 3)), 4, name="cell")
    left, right = sd.tensor("left", (n, 2 * time, 3)), sd.tensor("right", (n, 3, 2))
    compiled = sd.compile([(states**2).sum(), 2 * (left @ right)])
    compiled.export(tmp_path / "cell.py")
    values = {str(t.name): RNG.normal(size=[{n: 2, time: 5, 2 * time: 10}.get(s, s) for s in t.shape])
              for t in compiled.program.inputs}  # fmt: skip
    found = files.load(tmp_path / "cell.py")(*values.values())
    for ours, theirs in zip(found, compiled(**values), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11)


def test_scalar_functions_broadcast(tmp_path: Path) -> None:
    x, y = sp.symbols("x y")
    rows = sd.compile(sp.Matrix([[x * y, sp.sin(y)]]), wrt=[x])
    value = sd.compile(sp.exp(x) / y, dtype="float32")
    rows.export(tmp_path / "rows.py")
    value.export(tmp_path / "value.py")
    points: dict[str, Any] = {"x": RNG.normal(size=(4, 1)), "y": RNG.normal(size=3) + 2}
    (ours, slopes), (theirs, expected) = files.load(tmp_path / "rows.py")(**points), rows(**points)
    assert ours.shape == slopes["x"].shape == (1, 2, 4, 3)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    np.testing.assert_allclose(slopes["x"], expected["x"], rtol=1e-14)
    alone = files.load(tmp_path / "value.py")(0.5, 2)
    assert isinstance(alone, np.float32)
    assert abs(alone - np.exp(0.5) / 2) < 1e-6


def test_an_example_is_what_a_file_tests_itself_with(tmp_path: Path) -> None:
    A = sd.tensor("A", (2, 2))
    compiled, example = sd.compile(sd.cholesky(A)), np.array([[4.0, 2], [2, 3]])
    compiled.export(tmp_path / "root.py", example={"A": example})
    assert "[4.0, 2.0, 2.0, 3.0]" in (tmp_path / "root.py").read_text()
    assert files.module(tmp_path / "root.py").test() == 0
    with pytest.raises(ArgumentError, match="no A"):
        compiled.export(tmp_path / "root.py", example={"B": example})
    with pytest.raises(ArgumentError, match="more than 10000"):
        sd.compile(sd.exp(sd.tensor("B", (sd.Dim("n"),)))).export(
            tmp_path / "root.py", example={"B": np.zeros(10_001)}
        )


@pytest.mark.parametrize("name", ['"""', "back\\slash", "it's\"x", "𝛼 √", "import os", "__class__"])
def test_names_of_users_stay_names(tmp_path: Path, name: str) -> None:
    y = sd.tensor(name, (2,))
    step = sd.compile((sd.exp(y) ** 2).sum(), wrt=[y])
    step.export(tmp_path / "while.py")
    found = files.module(tmp_path / "while.py")
    assert found.test() == 0
    assert list(found.while_2(np.zeros(2))[1]) == [name]


@pytest.mark.parametrize("ending", [".c", ".py"])
def test_special_functions_are_refused_with_a_cure(tmp_path: Path, ending: str) -> None:
    x = sp.Symbol("x")
    for written, name in ((sp.besselj(0, x), "jv"), (sp.Ei(x), "expi")):
        with pytest.raises(EmitError, match=f"no code for the function {name}") as caught:
            sd.compile(written).export(tmp_path / f"bessel{ending}")
        assert "elementary" in str(caught.value.cure)
        assert "target=" not in str(caught.value.cure)
    assert not list(tmp_path.iterdir())


def test_memory_that_is_kept_holds_no_results(tmp_path: Path) -> None:
    sd.compile(classifier()[1], wrt="parameters", dtype="float64").export(tmp_path / "step.py")
    function, parameters = files.load(tmp_path / "step.py"), weights("float64")
    batches = [(RNG.normal(size=(n, 5)), RNG.integers(0, 3, n)) for n in (4, 9, 2, 9)]

    def call(batch: Any) -> list[np.ndarray]:
        value, gradients = function(*batch, *parameters.values())
        return [value, *gradients.values()]

    each = [[a.copy() for a in call(batch)] for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(call, batches * 5))
    for at, found in enumerate([*map(call, batches), *together]):
        for array, right in zip(found, each[at % 4], strict=True):
            np.testing.assert_array_equal(array, right)


def own(label: str, c: Any, **more: Any) -> Any:
    return sd.function(label, derivative=lambda x: 1 / (1 + sp.Abs(x)) ** 2, c=c, **more)


def test_functions_of_ones_own_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("def softsign(x):\n    return x / (1 + abs(x))\n")
    monkeypatch.syspath_prepend(tmp_path)
    softsign = own("softsign", importlib.import_module("mine").softsign)
    x = sd.tensor("softsign", (sd.Dim("n"),))  # a name that the function has already
    sd.compile((softsign(2 * x)).sum(), wrt=[x], dtype="float32").export(tmp_path / "step.py")
    assert files.run(tmp_path / "step.py") == (0, "ok: all results agree\n")
    assert "from mine import softsign as given_softsign" in (tmp_path / "step.py").read_text()


@pytest.mark.parametrize(
    "label, wrong",
    [("softsign", "cannot import the function softsign"), ("lambda", "meaning"), ("digamma", "meaning")],
)
def test_functions_that_cannot_be_imported_are_refused(tmp_path: Path, label: str, wrong: str) -> None:
    made = own(label, (lambda x: x / (1 + abs(x))) if label == "softsign" else math.sqrt, numpy=np.sqrt)
    with pytest.raises(EmitError, match=wrong) as caught:
        sd.compile(made(sd.tensor("x", (2,))), target="python").export(tmp_path / "step.py")
    assert caught.value.cure and not list(tmp_path.iterdir())


def test_a_size_that_no_argument_shows_is_refused(tmp_path: Path) -> None:
    n, m = sd.Dim("n"), sd.Dim("m")
    product = sd.tensor("y", (n * m, 2))
    compiled = sd.compile(product.sum() + sd.tensor("x", (n,)).sum(), target="python")
    with pytest.raises(EmitError, match="size m as an axis") as caught:
        compiled.export(tmp_path / "product.py")
    assert "integer" in str(caught.value.cure)
    with pytest.raises(ArgumentError, match="test itself: call: the sizes m, n cannot be told"):
        sd.compile(sd.exp(product), target="python").export(tmp_path / "product.py")


@given(st.lists(st.floats(width=32), min_size=1))
def test_numbers_in_files_read_as_they_are(values: list[float]) -> None:
    for dtype in ("float32", "float64"):
        array = np.array(values, dtype)
        text = " ".join(literals(array, PYTHON)).replace("np.", "")
        found = np.array([float(number) for number in text.split(", ")]).astype(dtype)
        np.testing.assert_array_equal(found, array)


LOADED = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("by_path", sys.argv[1])
found = importlib.util.module_from_spec(spec)
spec.loader.exec_module(found)
print(found.wave(2.0, 0.0)[0])
"""
IMPORTED = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
import wave
print(wave.wave(2.0, 0.0)[0])
"""


def test_a_file_is_loaded_by_its_path_and_imported_by_its_name_again_and_again(tmp_path: Path) -> None:
    """Numba's kept code names the module that it was in: one that no import finds could not be read again."""
    a, x = sp.symbols("a x")
    (path,) = sd.compile(a * sp.cos(x), wrt=[x]).export(tmp_path / "wave.py")
    for program in (LOADED, LOADED, IMPORTED, IMPORTED, LOADED):
        command = [sys.executable, "-c", program, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "2.0", done.stderr
    assert list((tmp_path / "__pycache__").glob("wave.*.nbc"))  # kept by the imports
