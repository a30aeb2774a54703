"""Calling compiled programs: results, arguments that do not fit, and arrays that must stay as they are."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl.errors import ArgumentError, CompileError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise
from symdl.express.recurrent import recurrence
from symdl.express.surface import LogSumExp, Sum, define
from symdl.run.compile import compile as build
from symdl.run.compiled import Compiled
from tests.targets import DEVICE, EVERY, PARAMETERS, TARGETS

n = Dim("n")
i, j = indices("i j")
rng = np.random.default_rng(0)


def loss() -> Any:
    X, t = tensor("X", (n, 4)), tensor("t", (n,), dtype="int64")
    Z = X @ parameter("first.W", (4, 3)) + parameter("first.b", (3,))
    l = define("l", (i,), LogSumExp(Z[i, j], j))
    return define("L", (), Sum((l[i] - Z[i, t[i]]) / n, i))


def arguments(batch: int = 5) -> dict[str, Any]:
    return {
        "X": rng.normal(size=(batch, 4)),
        "t": rng.integers(0, 3, batch),
        "first.W": rng.normal(size=(4, 3)),
        "first.b": rng.normal(size=3),
    }


@pytest.fixture(scope="module", params=PARAMETERS)
def step(request: pytest.FixtureRequest) -> Compiled:
    made = build(loss(), wrt="parameters", target=request.param)
    assert isinstance(made, Compiled)
    return made


def expected(given: dict[str, Any]) -> tuple[float, np.ndarray]:
    z = given["X"] @ given["first.W"] + given["first.b"]
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    rows = np.arange(len(z))
    value = -np.log(p[rows, given["t"]]).mean()
    p[rows, given["t"]] -= 1
    return value, given["X"].T @ p / len(z)


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_value_and_gradients(step: Compiled, batch: int) -> None:
    given = arguments(batch)
    value, grads = step(**given)
    want, slope = expected(given)
    assert isinstance(value, np.float64)
    assert list(grads) == ["first.W", "first.b"]
    np.testing.assert_allclose(value, want, rtol=1e-12)
    np.testing.assert_allclose(grads["first.W"], slope, rtol=1e-10, atol=1e-13)


def test_inputs_are_never_changed_and_results_are_new(step: Compiled) -> None:
    given = arguments()
    for array in given.values():
        array.flags.writeable = False
    before = {name: array.copy() for name, array in given.items()}
    first = step(**given)[1]["first.W"]
    kept = first.copy()
    step(**{**given, "X": given["X"] + 1})
    np.testing.assert_array_equal(first, kept)
    for name, array in given.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    "change",
    [
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a[::-1][::-1],
        lambda a: a.tolist(),
        lambda a: np.frombuffer(b"\0" + a.tobytes(), dtype="u1")[1:].view(a.dtype).reshape(a.shape),
        lambda a: a.astype(a.dtype.newbyteorder(">")),
        lambda a: a.astype(np.longdouble) if a.dtype.kind == "f" else a.astype("uint8"),
    ],
    ids=("fortran", "strided", "negative", "list", "unaligned", "bytes", "other"),
)
def test_any_layout_gives_the_same_result(step: Compiled, change: Any) -> None:
    given = arguments()
    np.testing.assert_array_equal(step(**{k: change(a) for k, a in given.items()})[0], step(**given)[0])


def test_one_array_may_be_passed_twice() -> None:
    A, B = tensor("A", (n, n)), tensor("B", (n, n))
    for target in TARGETS:
        both = build(A @ B + A, target=target)
        array = rng.normal(size=(3, 3))
        np.testing.assert_allclose(both(A=array, B=array), array @ array + array, rtol=1e-13)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("missing", {"X": None}, "missing: X"),
    ("unknown", {"Y": np.ones(3)}, "unknown: Y"),
    ("rank", {"X": np.ones(4)}, "shape"),
    ("size", {"X": np.ones((5, 3))}, "X has shape"),
    ("batch", {"t": np.zeros(4, int)}, "t has shape"),
    ("empty", {"X": np.ones((0, 4)), "t": np.zeros(0, int)}, "no elements"),
    ("parameter", {"first.b": np.ones((1, 3))}, "first.b"),
    ("complex", {"X": np.ones((5, 4), complex)}, "complex"),
    ("text", {"X": np.full((5, 4), "a")}, "text"),
    ("ragged", {"X": [[1, 2], [3]]}, "X is no array"),
    ("float label", {"t": np.full(5, 0.5)}, "integers"),
    ("nan label", {"t": np.full(5, np.nan)}, "NaN"),
    ("large label", {"t": np.array([0, 1, 3, 0, 0])}, "holds 3"),
    ("negative label", {"t": np.array([0, -1, 0, 0, 0])}, "outside 0..2"),
    ("huge label", {"t": np.full(5, 2**63, "uint64")}, "int64"),
    ("dates", {"X": np.ones((5, 4), "datetime64[s]")}, "dates"),
]


@pytest.mark.parametrize("change, message", [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_arguments(step: Compiled, change: dict[str, Any], message: str) -> None:
    given = {**arguments(), **change}
    given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(ArgumentError, match=message):
        step(**given)


def test_nothing_is_positional(step: Compiled) -> None:
    with pytest.raises(ArgumentError, match="takes arrays by name, and 1 came without") as caught:
        step(np.ones(3))  # type: ignore[arg-type]
    assert all(f"{name}=..." in str(caught.value) for name in arguments() if name.isidentifier())


def test_sizes_that_are_sums_are_solved() -> None:
    X = tensor("X", (2 * n + 1,))
    for target in TARGETS:
        both = build(X / n, target=target)
        np.testing.assert_allclose(both(X=np.ones(7)), np.full(7, 1 / 3))
        with pytest.raises(ArgumentError, match="shape"):
            both(X=np.ones(6))


def test_outputs_of_every_kind() -> None:
    X, ids = tensor("X", (n, 3)), tensor("ids", (n,), dtype="int64")
    total = X.sum()
    for target in TARGETS:
        run = build([total, X, total, ids], target=target)
        array, numbers = np.arange(6.0).reshape(2, 3), np.array([4, 5])
        results = run(X=array, ids=numbers)
        assert results[0] == results[2] == 15
        np.testing.assert_array_equal(results[1], array)
        assert not np.shares_memory(results[1], array)
        assert results[3].dtype == np.int64


@pytest.mark.skipif(DEVICE == "simulated", reason="the simulated device takes one thread at a time")
def test_threads_may_call_one_function(step: Compiled) -> None:
    given = [arguments(7) for _ in range(4)]
    want = [step(**g)[0] for g in given]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(30):
            if step(**given[number])[0] != want[number]:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "output, wrt, message",
    [
        (list, None, "no output"),
        (lambda: ["x"], None, "no tensor"),
        (lambda: tensor("X", (n,)) * 2, "parameters", "no parameter"),
        (loss, "nothing", "no input"),
        (loss, "t", "integers"),
        (loss, [], "empty"),
        (lambda: tensor("X", (n,)).sum(), "parameters", "no parameter"),
    ],
    ids=range(7),
)
def test_what_cannot_be_compiled(output: Any, wrt: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        build(output(), wrt=wrt, target="python")


def test_gradients_by_name_tensor_and_list() -> None:
    X = tensor("X", (n, 2))
    total = elementwise(lambda x: x**2, X).sum()
    for wrt in ("X", X, ["X"]):
        value, grads = build(total, wrt=wrt, target="python")(X=[[1.0, 2.0]])
        assert value == 5
        np.testing.assert_array_equal(grads["X"], [[2, 4]])


class TestScalarFunctions:
    x, y, z = sp.symbols("x y z")

    @EVERY
    def test_broadcast(self, target: Any) -> None:
        f = sp.sin(self.x**2 * self.y) + sp.exp(self.z)
        g = build(f, wrt=[self.x, self.y, self.z], target=target)
        a, b, c = np.linspace(0, 1, 4)[:, None], np.linspace(1, 2, 3), -0.5
        value, slopes = g(x=a, y=b, z=c)
        assert value.shape == (4, 3)
        np.testing.assert_allclose(value, np.sin(a**2 * b) + np.exp(c), rtol=1e-13)
        np.testing.assert_allclose(slopes["x"], 2 * a * b * np.cos(a**2 * b), rtol=1e-12)
        np.testing.assert_allclose(slopes["z"], np.full((4, 3), np.exp(c)), rtol=1e-13)

    def test_numbers_in_number_out(self) -> None:
        g = build(self.x * self.y, wrt=[self.y], target="python")
        value, slopes = g(x=2, y=3)
        assert (float(value), float(slopes["y"])) == (6, 2)
        assert np.ndim(value) == 0

    def test_without_derivatives_and_without_points(self) -> None:
        g = build(self.x**2, target="python")
        assert g(x=3) == 9
        assert g(x=np.zeros((0, 2))).shape == (0, 2)

    def test_constants_and_absent_symbols(self) -> None:
        assert build(sp.Integer(3), target="python")() == 3
        value, slopes = build(self.x + 1, wrt=[self.x, self.y], target="python")(x=[1.0, 2.0], y=0.0)
        np.testing.assert_array_equal(slopes["y"], [0, 0])
        np.testing.assert_array_equal(value, [2, 3])

    @pytest.mark.parametrize(
        "given", [{"x": 1}, {"x": 1, "y": 2, "q": 3}, {"x": "a", "y": 1}, {"x": [1, 2], "y": [1, 2, 3]}],
        ids=range(4),
    )  # fmt: skip
    def test_wrong_arguments(self, given: dict[str, Any]) -> None:
        with pytest.raises(ArgumentError):
            build(self.x + self.y, target="python")(**given)


def test_what_a_compiled_program_says_of_itself() -> None:
    made = build(loss(), wrt="parameters", target="python")
    assert isinstance(made, Compiled)
    assert "X(n, 4)" in made.signature and "first.W" in repr(made)
    assert "def kernel_0" in made.source and "The calls, in order" in made.source
    assert made.kernels >= 1 and len(made.launch_list) >= len(made.structures)


def test_stages_are_shown_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYMDL_SHOW", "program,ir,source,timing")
    build(loss(), target="python")
    shown = capsys.readouterr().err
    assert all(part in shown for part in ("logsumexp", "gemm", "def kernel_0", "lower "))


@EVERY
def test_labels_are_checked_where_they_count(target: Any) -> None:
    Z, t = tensor("Z", (n, 3)), tensor("t", (n,), dtype="int64")
    m = tensor("m", (n,), dtype="int64")
    masked = define("a", (), Sum(sp.Piecewise((Z[i, t[i]], sp.Eq(m[i], 1)), (0, True)), i))
    inside = define("b", (i,), 1 + sp.Piecewise((Z[i, t[i]], sp.Eq(m[i], 1)), (2, True)))
    run = build([masked, inside], target=target)
    given = {"Z": np.arange(9.0).reshape(3, 3), "t": np.array([-7, 2, 10**9]), "m": np.array([0, 1, 0])}
    total, each = run(**given)
    assert total == 5
    np.testing.assert_array_equal(each, [3, 6, 3])
    with pytest.raises(ArgumentError, match="t holds -7"):
        run(**{**given, "m": np.array([1, 1, 0])})


def test_an_array_that_moved_is_found_again() -> None:
    X = tensor("X", (n,))
    double = build(X * 2)
    array = np.arange(3.0)
    np.testing.assert_array_equal(double(X=array), [0, 2, 4])
    array[:] = 1
    np.testing.assert_array_equal(double(X=array), [2, 2, 2])
    array.resize(100_000, refcheck=False)
    np.testing.assert_array_equal(double(X=array)[:4], [2, 2, 2, 0])
    first, second = double(X=np.ones(4)), double(X=np.ones(4) * 3)
    np.testing.assert_array_equal(first, [2, 2, 2, 2])
    assert not np.shares_memory(first, second)


@EVERY
def test_a_long_sum_beside_an_inner_loop_keeps_its_digits(target: Any) -> None:
    X = tensor("X", (n, 2))
    l = define("l", (i,), LogSumExp(X[i, j], j))
    total = build(define("s", (), Sum(l[i], i)), target=target, dtype="float32")
    count = 3_000 if target == "python" else 3_000_000
    values = np.full((count, 2), np.float32(0.1))
    np.testing.assert_allclose(total(X=values) / count, 0.1 + np.log(2), rtol=3e-7)


@pytest.mark.parametrize("target", ["cpu", "python"])
def test_an_input_may_be_an_output(target: Any) -> None:
    x = tensor("x", (2, 3))
    given = np.arange(6.0).reshape(2, 3)
    for found in build([x, x], target=target)(x=given):
        np.testing.assert_array_equal(found, given)


def test_a_parameter_that_nothing_reads_in_the_end() -> None:
    """The only step of a recurrence has none before it."""
    x, w = tensor("x", (n, 1, 3)), parameter("w", (3,))
    (h,) = recurrence(["h"], [(n, 1, 3)], lambda before: before * w + x, axis=1)
    made = build((h * h).sum(), wrt="parameters")
    assert isinstance(made, Compiled)
    value, slopes = made(x=np.ones((2, 1, 3)), w=np.ones(3))
    assert value == 6
    np.testing.assert_array_equal(slopes["w"], np.zeros(3))


@pytest.mark.parametrize("divisor", [7, 41, 49])
def test_floors_of_quotients_are_exact(divisor: int) -> None:
    x, k = sp.symbols("x k")
    places = np.arange(-300.0, 300.0)
    found: Any = build(sp.floor((x - k) / divisor))(x=places, k=np.full_like(places, 3.0))
    np.testing.assert_array_equal(found, (places - 3) // divisor)
