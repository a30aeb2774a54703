"""Everything that can stand for a tensor: arrays, lists, numbers, comparisons, at every door.

The kind: an argument means one thing to one function, and another, or an error of NumPy or Python, to the
next. The cause: each function looked for itself at what it was given. Now one door (`symdl.express.doors`)
lets all in, one function (`symdl.express.values.numbers`) says what an array of numbers is, and sizes that
nobody paired do not pair. Right values are those of the same operation on tensors, and NumPy's.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl import nn
from symdl.errors import ArgumentError, ExpressionError, ShapeError, SymdlError
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

from ..totality.case import Case
from ..totality.checks import computed
from ..totality.table import CASES

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(2, 3)), RNG.uniform(0.5, 2, size=(2, 3))
n, T = sd.Dim("n"), sd.Dim("T")
X = sd.tensor("X", (2, 3))


def value(tensor: Any, **values: Any) -> Any:
    """The value of a tensor by the reference interpreter."""
    tensor = tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor
    return evaluate(collect([tensor]), values)[tensor]


# Arrays and lists in place of tensors -----------------------------------------------------------------------

FORMS: Mapping[str, Callable[[Any], Any]] = {
    "array": lambda a: a,
    "Fortran": lambda a: np.asarray(a, order="F"),
    "list": lambda a: a.tolist(),
    "buffer": lambda a: memoryview(np.ascontiguousarray(a)) if a.ndim else np.array(a),
}
INDEXED = ("sd.define", "sd.Sum", "sd.Prod", "sd.Max", "sd.LogSumExp", "sd.ArgMax")
"""Formulas in index variables, which read elements: an array is made a tensor by sd.constant."""
BY = {"sd.grad", "sd.jacobian", "sd.hessian", "sd.jvp", "sd.hvp", "sd.replace", "sd.taylor"}
"""What is differentiated with respect to, or replaced, is a tensor."""
OPEN = [c for c in CASES if c.operation.startswith(("sd.", "nn.")) and c.operation not in {*INDEXED, *BY}]
WRITTEN = {  # the case itself uses operators or attributes that an array or a list has not
    "list": "sd.stop_gradient sd.power sd.equal sd.not_equal sd.where sd.broadcast_to sd.logsumexp sd.sum"
    " sd.reduction sd.std nn.normal_noise nn.sequence_mask sd.recurrence sd.expectation",
    "array": "sd.power",
}


def names_of(case: Case) -> dict[str, Any]:
    accepted = inspect.signature(case.ours).parameters
    needed = "name" in accepted and accepted["name"].default is inspect.Parameter.empty
    return {"name": case.prefix} if needed else {}


@pytest.mark.parametrize("form", FORMS)
def test_every_function_takes_what_stands_for_a_tensor(form: str) -> None:
    """Each tensor of each sample call of the library becomes an array of the same values."""
    kind = "list" if form in ("list", "buffer") else "array"
    wrong, tried = [], 0
    for case in OPEN:
        size = max(case.sizes)
        built = case.build(size)
        values = built.values(size)
        want = computed(built.outputs, values)
        tensors = dict(zip(case.given, built.given, strict=True))
        subsets = [tuple(tensors), *((key,) for key in tensors)] if form == "array" else [tuple(tensors)]
        for keys in subsets:
            args = {k: FORMS[form](values[str(t.name)]) if k in keys else t for k, t in tensors.items()}
            try:
                result = case.ours(**args, **names_of(case))
                outputs = (result,) if isinstance(result, Tensor) else tuple(result)
                for ours, expected in zip(computed(outputs, values), want, strict=True):
                    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
                tried += 1
            except (AttributeError, TypeError) as error:
                if case.operation not in WRITTEN[kind].split():
                    wrong.append(f"{case.id} {keys}: {type(error).__name__} {error}")
            except Exception as error:
                wrong.append(f"{case.id} {keys}: {type(error).__name__} {error}")
    assert not wrong, "\n".join(wrong)
    assert tried > 200


def test_every_public_function_with_a_tensor_has_the_door() -> None:
    """The next function that forgets it is found by its signature."""
    exempt = {"sums_to_one", "elementwise", "jvp", "state"}  # of a tensor, or its shape; others convert
    for module in (sd, nn):
        for name in module.__all__:
            function = getattr(module, name)
            if inspect.isclass(function) or not callable(function) or name in exempt:
                continue
            if not function.__module__.startswith(("symdl.express", "symdl.nn", "symdl.differentiate")):
                continue
            kinds = [str(p.annotation) for p in inspect.signature(function).parameters.values()]
            takes = any("Tensor" in kind or kind == "Mask" for kind in kinds if "Callable" not in kind)
            assert not takes or hasattr(function, "__wrapped__"), name


def test_the_members_of_the_report() -> None:
    labels, matrix = np.array([0, 2]), np.array([[2.0, 1], [1, 3]])
    M, s = sd.tensor("M", (2, 3)), sd.tensor("s", (2, 2))
    log_p = A - np.log(np.exp(A).sum(1, keepdims=True))
    pairs: list[tuple[Any, Any]] = [
        (sd.mod(M, B), np.mod(A, B)),
        (nn.cross_entropy(M, labels), -log_p[[0, 1], labels].mean()),
        (nn.cross_entropy(M, [0, 2]), -log_p[[0, 1], labels].mean()),
        (nn.cross_entropy(A, labels, class_weights=[1, 2, 1]), -log_p[[0, 1], labels].mean()),
        (sd.tensordot(M, B.T, 1), A @ B.T),
        (sd.solve(matrix, M), np.linalg.solve(matrix, A)),
        (sd.solve(s, A[:, 0]), np.linalg.solve(matrix, A[:, 0])),
        (sd.softmax(A), np.exp(log_p)),
        (sd.hvp((M**3).sum(), M, B), 6 * A * B),
        (sd.hvp((M**3).sum(), M, B.tolist()), 6 * A * B),
        (sd.hvp((M**3).sum(), [M], [B])[0], 6 * A * B),
        (sd.jvp(sd.sin(M), {M: np.ones((2, 3), int)}), np.cos(A)),
        (sd.constant(2.5) * M.sum(), 2.5 * A.sum()),
        (M * np.array(2) + np.float32(1), 2 * A + 1),
        (sd.replace((M**2).sum(), {M: [[1, 2, 3], [4, 5, 6]]}), 91.0),
    ]
    found = [t for t, _ in pairs]
    at = {"M": A, "s": matrix}
    program = collect(found)
    used = {str(t.name): at[str(t.name)] for t in program.inputs if t.value is None}
    for target in ("cpu", "python"):
        results = sd.compile(found, target=target)(**used)
        for (tensor, wanted), result in zip(pairs, results, strict=True):
            np.testing.assert_allclose(result, wanted, rtol=1e-12, err_msg=f"{tensor.equation} {target}")
    assert "C" in str(sd.derive(nn.mean_squared_error(M * sd.constant(2.5), A), "M"))
    assert "M" in str(sd.derive(nn.cross_entropy(M, labels), "M"))
    assert "s" in sd.derive((sd.solve(s, A) ** 2).sum(), "s").latex()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_operands_act_as_in_numpy(data: Any) -> None:
    """Any operator, any kind of operand on either side."""
    kinds = st.sampled_from(["f8", "f4", "i8", "u1", "?"])
    shape = data.draw(st.sampled_from([(), (3,), (2, 1), (2, 3)]))
    other = data.draw(st.integers(1, 4).map(lambda k: (np.arange(math.prod(shape)) % 3 + k).reshape(shape)))
    other = other.astype(data.draw(kinds))
    given_ = data.draw(st.sampled_from([lambda a: a, lambda a: a.tolist(), lambda a: a[()]]))(other)
    if isinstance(given_, bool):
        given_ = int(given_)  # a lone True is refused: it may be the answer of ``x == y``
    name = data.draw(st.sampled_from(["add", "subtract", "multiply", "divide", "maximum", "less", "equal"]))
    left = data.draw(st.booleans())
    formula = getattr(np, name)
    plain = other.astype("f8")
    args, wanted = ((given_, X), formula(plain, B)) if left else ((X, given_), formula(B, plain))
    np.testing.assert_allclose(value(formula(*args), X=B), wanted, rtol=1e-7)


def test_what_means_nothing_is_refused_in_our_words() -> None:
    calls: list[Callable[[], Any]] = [
        lambda: sd.grad(5, X),
        lambda: sd.grad(A, X),
        lambda: sd.grad(X > 0, X),
        lambda: sd.grad(X.sum(), A),
        lambda: sd.jacobian(X, A),
        lambda: sd.hessian(A, X),
        lambda: sd.jvp(A, {X: A}),
        lambda: sd.jvp(X, {"X": A}),
        lambda: sd.hvp((X**2).sum(), X, None),
        lambda: sd.hvp((X**2).sum(), X, np.ones(3)),
        lambda: sd.replace(X.sum(), {"X": A}),
        lambda: sd.replace(A, {X: A}),
        lambda: sd.sums_to_one(A),
        lambda: sd.derive((X**2).sum(), A),
        lambda: X.sum(where=[[2, 1, 0]] * 2),
        lambda: X.sum(where=A),
        lambda: sd.concatenate(5),
        lambda: sd.sum(v for v in (1, 2)),
        lambda: sd.softmax([X[0], X[1]]),
        lambda: X[True],
        lambda: X[[0.5]],
        lambda: nn.mean_squared_error(X, None),
        lambda: nn.dense(X, 4, init=np.ones((2, 2)), name="d"),
        lambda: sd.einsum(X, X),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(SymdlError):
            call()
            pytest.fail(f"call {number}")
    assert nn.dense(X, 4, init=np.ones((3, 4)), name="d").shape == (2, 4)
    assert nn.lstm(sd.tensor("s", (n, 4, 2)), 3, initial=(None, [0, 0, 0]), name="l")[0].rank == 3


# Settings that are learned ---------------------------------------------------------------------------------

SETTINGS: Mapping[str, tuple[Callable[[Any], Tensor], float]] = {
    "slope": (lambda t: nn.leaky_relu(X, t), 0.3),
    "beta": (lambda t: nn.silu(X, beta=t), 1.5),
    "alpha of elu": (lambda t: nn.elu(X, t), 0.7),
    "alpha of celu": (lambda t: nn.celu(X, t), 0.7),
    "low": (lambda t: nn.hardtanh(X, low=t), -0.4),
    "high": (lambda t: nn.hardtanh(X, high=t), 0.4),
    "line": (lambda t: nn.hard_sigmoid(X, slope=t, shift=t), 0.3),
    "threshold": (lambda t: nn.thresholded_relu(X, t), 0.3),
    "shrink": (lambda t: nn.shrink(X, t, shift=t), 0.3),
    "temperature": (lambda t: nn.info_nce(X, B, temperature=t), 0.4),
    "a learned temperature": (lambda t: nn.cross_entropy(X / t, [0, 1]), 0.4),
    "delta": (lambda t: nn.huber(X, B, delta=t), 0.6),
    "margin": (lambda t: nn.triplet(X, B, 2 * B, margin=t), 0.6),
    "gamma": (lambda t: nn.focal(X, [0, 1], gamma=t), 1.5),
    "smoothing": (lambda t: nn.cross_entropy(X, [0, 1], label_smoothing=t), 0.1),
    "positive weight": (lambda t: nn.binary_cross_entropy(X, [[0, 1, 1]] * 2, positive_weight=t), 1.7),
    "scale and softcap": (lambda t: nn.attention(X, B, A, scale=t, softcap=t), 0.8),
    "epsilon": (lambda t: nn.layer_norm(X, epsilon=t, affine=False, name="norm"), 0.3),
    "variance": (lambda t: nn.gaussian_nll(X, B, B, epsilon=t), 0.9),
    "responses": (lambda t: nn.local_response_norm(X, 3, alpha=t, beta=t, bias=t), 0.9),
    "penalty": (lambda t: nn.l2_penalty([X], t) + nn.l1_penalty([X], t), 0.2),
    "padding": (lambda t: sd.pad(X, 1, value=t), 0.2),
    "full": (lambda t: sd.full((2, 3), t) * X, 0.2),
    "arange": (lambda t: sd.arange(3, start=t, step=t) * X, 0.2),
    "clip": (lambda t: sd.clip(X, -t, t), 0.5),
    "exponent": (lambda t: sd.power(sd.absolute(X), t), 1.5),
    "where": (lambda t: sd.where(X > t, X, t), 0.1),
    "mod": (lambda t: X % t, 0.7),
}  # fmt: skip


def test_settings_are_numbers_or_tensors() -> None:
    t = sd.parameter("t")
    pairs = [(make(number), make(t)) for make, number in SETTINGS.values()]
    for (fixed, learned), (name, (_, number)) in zip(pairs, SETTINGS.items(), strict=True):
        np.testing.assert_allclose(
            value(learned, X=A, t=number), value(fixed, X=A), rtol=1e-12, atol=1e-14, err_msg=name
        )
        loss = (learned**2).sum()
        (ours,) = computed([sd.grad(loss, t)], {"X": A, "t": np.array(number)})
        up, down = (value(loss, X=A, t=number + step) for step in (1e-6, -1e-6))
        np.testing.assert_allclose(ours, (up - down) / 2e-6, rtol=1e-5, atol=1e-6, err_msg=name)
    for name in ("slope", "beta", "temperature", "smoothing"):
        loss = (SETTINGS[name][0](t) ** 2).sum()
        assert "t" in str(sd.derive(loss, "t")), name


NEITHER: list[tuple[Any, str]] = [
    (lambda t: nn.dropout(X, t), "rate"),
    (lambda t: nn.resize(sd.tensor("I", (1, 1, 4)), scale=t), "scale"),
    (lambda t: sd.norm(X, order=t), "order"),
    (lambda t: nn.leaky_relu(X, sd.tensor("w", (3,))), "slope"),
    (lambda t: nn.silu(X, beta="2"), "beta"),
    (lambda t: nn.silu(X, beta=math.nan), "beta"),
    (lambda t: nn.elu(X, None), "alpha"),
    (lambda t: nn.huber(X, B, delta=-1), "delta"),
    (lambda t: nn.huber(X, B, delta=True), "delta"),
    (lambda t: float(t), "compile"),
    (lambda t: math.exp(t), "compile"),
    (lambda t: int(t), "compile"),
]


@pytest.mark.parametrize(
    ("make", "words"), NEITHER, ids=[f"{n} {words}" for n, (_, words) in enumerate(NEITHER)]
)
def test_settings_that_are_neither_are_named(make: Any, words: str) -> None:
    with pytest.raises(SymdlError, match=words) as caught:
        make(sd.parameter("t"))
    assert caught.value.cure


# Pairs that nobody wrote ----------------------------------------------------------------------------------

y, rows = sd.tensor("y", (n,)), sd.tensor("x", (n, 3))
column = sd.tensor("column", (n, 1))
UNWRITTEN: Mapping[str, Callable[[], Any]] = {
    "a loss by hand": lambda: (nn.dense(rows, 1, name="d") - y) ** 2,
    "the other way": lambda: y - column,
    "a product": lambda: column * y,
    "maximum": lambda: sd.maximum(column, y),
    "where": lambda: sd.where(y > 0, column, 0),
    "where, both sides": lambda: sd.where(column > 0, 1, y),
    "elementwise": lambda: sd.elementwise(lambda a, b: a + b, column, y),
    "comparison": lambda: column > y,
    "equal": lambda: sd.equal(column, y),
    "joined": lambda: (column > 0) & (y > 0),
    "power": lambda: sd.power(column, y),
    "mod": lambda: column % y,
    "clip": lambda: sd.clip(column, 0, y),
    "a mask": lambda: column.sum(where=y > 0),
    "positions": lambda: rows[sd.tensor("i", (n, 1), dtype="int64"), sd.tensor("j", (n,), dtype="int64")],
    "three axes": lambda: sd.tensor("z", (n, 1, 3)) + rows,
    "later axes": lambda: sd.tensor("z", (T, n, 1)) + y,
    "a size of two": lambda: sd.tensor("z", (2 * n, 1)) - sd.tensor("w", (2 * n,)),
    "NumPy": lambda: np.add(column, y),
}


@pytest.mark.parametrize("name", UNWRITTEN)
def test_pairs_that_nobody_wrote_are_refused(name: str) -> None:
    with pytest.raises(ShapeError) as caught:
        UNWRITTEN[name]()
    assert caught.value.cure


def test_pairs_that_were_written_stay() -> None:
    square, mask = sd.tensor("S", (n, n)), sd.tensor("m", (T, T), dtype="int64")
    written: list[Tensor] = [
        y[:, None] - y[None, :],
        column - y[None],
        square - y,
        square * square.mean(1, keepdims=True),
        rows @ rows.T - sd.eye(n),
        rows - rows.mean(0),
        sd.tensor("z", (n, T, 1)) + sd.tensor("w", (1, T)),
        sd.where(mask, sd.tensor("scores", (n, 4, T, T)), 0),
        sd.tensor("z", (T, n, 5)) + sd.tensor("h", (n, 5)),
        sd.tensor("z", (4, 1)) - sd.tensor("w", (4,)),
        nn.attention(*[sd.tensor("q", (n, T, 3))] * 3, mask=mask),
        sd.broadcast_to(y, (n, n)),
    ]
    assert all(isinstance(tensor, Tensor) for tensor in written)


SIZES = [1, 2, "n", "T"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(SIZES), max_size=3), st.lists(st.sampled_from(SIZES), max_size=3))
def test_no_size_pairs_with_itself_unless_written(left: list[Any], right: list[Any]) -> None:
    """Refused is what pairs a size with itself across an axis that one operand lacks, and only that."""
    large, small = sorted((left, right), key=len, reverse=True)
    missing = len(large) - len(small)
    unwritten = any(
        isinstance(size, str) and size in large[:missing] and other == 1
        for size, other in zip(small, large[missing:], strict=True)
    )
    a, b = (
        sd.tensor(name, [sd.Dim(s) if isinstance(s, str) else s for s in shape])
        for name, shape in (("a", left), ("b", right))
    )
    try:
        paired = (a[(None,) * (b.rank - a.rank)] if b.rank > a.rank and a.rank else a) + (
            b[(None,) * (a.rank - b.rank)] if a.rank > b.rank and b.rank else b
        )
    except ShapeError:  # sizes that do not fit at all
        return
    if unwritten:
        with pytest.raises(ShapeError, match="combined with every other"):
            a + b
    else:
        assert (a + b).shape == paired.shape


# Arrays that are more than their numbers, and others that are none ------------------------------------------


def records() -> Any:
    return np.zeros(3, [("a", "f8"), ("b", "f8")])


NONE: Mapping[str, tuple[Callable[[], Any], str]] = {
    "masked": (lambda: np.ma.array([1.0, 2, 3], mask=[0, 1, 0]), "mask"),
    "masked without a mask": (lambda: np.ma.array([1.0, 2, 3]), "mask"),
    "masked, in a list": (lambda: [1.0, np.ma.masked, 3.0], "mask"),
    "matrix": (lambda: np.array([1.0, 2, 3]).view(np.matrix), "matrix"),
    "chararray": (lambda: np.char.array(["a", "b", "c"]), "chararray"),
    "recarray": (lambda: records().view(np.recarray), "recarray"),
    "objects": (lambda: np.array([1, None, 3]), "objects"),
    "whole objects": (lambda: np.array([1, 2, 3], object), "objects"),
    "dates": (lambda: np.array(["2020-01-01"] * 3, "M8[D]"), "dates"),
    "durations": (lambda: np.ones(3, "m8[s]"), "durations"),
    "text": (lambda: np.array(["1", "2", "3"]), "text"),
    "bytes": (lambda: np.array([b"1", b"2", b"3"]), "bytes"),
    "complex": (lambda: np.ones(3, complex), "complex"),
    "records": (records, "records"),
    "ragged": (lambda: [[1, 2], [3], [4]], "no array"),
    "a set": (lambda: {1, 2, 3}, "objects"),
    "huge": (lambda: [10**400, 1, 2], "type object"),
}


class FakeLibrary:
    """A tensor of another library that gives its numbers through DLPack only."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_array_of_numbers_is_refused_at_every_door(name: str) -> None:
    make, words = NONE[name]
    bad = make()
    v, p = sd.tensor("v", (3,)), sd.tensor("p", (n,))
    function, scalar = sd.compile(v * 2, target="python"), sd.compile(sd.Dim("s") * 2, target="python")
    model = sd.Model(nn.mean_squared_error(p * sd.parameter("w"), p), output=p * 2, target="python")
    doors: Mapping[str, Callable[[], Any]] = {
        "operator": lambda: v + bad,
        "function": lambda: sd.softmax(bad),
        "second argument": lambda: nn.mean_squared_error(v, bad),
        "sequence": lambda: sd.concatenate([v, bad]),
        "constant": lambda: sd.constant(bad),
        "where": lambda: sd.where(v > 0, v, bad),
        "comparison": lambda: v < bad,
        "mask": lambda: v.sum(where=bad),
        "positions": lambda: sd.take(v, bad),
        "labels": lambda: nn.cross_entropy(sd.tensor("z", (3, 3)), bad),
        "class weights": lambda: nn.cross_entropy(sd.tensor("z", (3, 3)), [0, 1, 2], class_weights=bad),
        "direction": lambda: sd.jvp(v * v, {v: bad}),
        "replacement": lambda: sd.replace(v * v, {v: bad}),
        "initial state": lambda: nn.rnn(sd.tensor("x", (2, 4, 5)), 3, initial=bad, name="r"),
        "lengths": lambda: nn.rnn(sd.tensor("x", (3, 4, 5)), 3, lengths=bad, name="r"),
        "first values": lambda: sd.parameter("w", (3,), init=bad),
        "call": lambda: function(v=bad),
        "call of a scalar function": lambda: scalar(s=bad),
        "reference": lambda: value(v * 2, v=bad),
        "check": lambda: sd.check_gradients((v * v).sum(), at={"v": bad}, wrt=["v"], compiled=False),
        "fit": lambda: model.fit({"p": bad}, optimizer=nn.SGD(0.1), epochs=1),
        "evaluate": lambda: model.evaluate({"p": bad}),
        "predict": lambda: model.predict(p=bad),
    }
    for door, enter in doors.items():
        with pytest.raises(SymdlError, match=f"(?i){words}") as caught:
            enter()
        assert caught.value.cure, door


def test_what_is_an_array_of_numbers_enters() -> None:
    v = sd.tensor("v", (3,))
    function = sd.compile(v * 2, target="python")
    numbers = np.array([1.0, 2, 3])
    forms = [numbers, [1, 2, 3], (1.0, 2.0, 3.0), range(1, 4), memoryview(numbers), FakeLibrary(numbers)]
    forms += [numbers.astype(dtype) for dtype in ("f2", ">f8", "u1")]
    for form in forms:
        np.testing.assert_array_equal(function(v=form), 2 * numbers)
        np.testing.assert_array_equal(value(v * form, v=numbers), numbers**2)
    np.testing.assert_array_equal(function(v=np.array([True, False, True])), [2, 0, 2])
    with pytest.raises(ExpressionError, match=r"float128|longdouble|astype"):
        v * np.ones(3, np.longdouble) if np.dtype(np.longdouble).itemsize > 8 else sd.constant("a")


@pytest.mark.torch
def test_tensors_of_another_library_enter() -> None:
    torch = pytest.importorskip("torch")
    t = torch.tensor(A)
    for found in (X * t, t * X):
        np.testing.assert_allclose(value(found, X=B), A * B)
    np.testing.assert_allclose(value(X @ t.T, X=B), B @ A.T)
    np.testing.assert_allclose(sd.compile(X * 2, target="python")(X=t), 2 * A)
    with pytest.raises(ExpressionError, match="detach"):
        X * torch.tensor(A, requires_grad=True)


def test_tables_enter() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(A, columns=list("abc"))
    for found in (X * table, table * X):
        np.testing.assert_allclose(value(found, X=B), A * B)
    np.testing.assert_allclose(sd.compile(X * 2, target="python")(X=table), 2 * A)
    np.testing.assert_allclose(value(X[0] - table["a"].iloc[0], X=B), B[0] - A[0, 0])
    with pytest.raises(SymdlError, match="objects"):
        X * pandas.DataFrame({"a": ["x", "y"]})


def test_one_rule_for_whole_numbers() -> None:
    """Floats stand for declared integers where every one is whole, in each of the binders."""
    ids, p = sd.tensor("t", (n,), dtype="int64"), sd.tensor("p", (n, 3))
    loss = nn.cross_entropy(p * sd.parameter("w"), ids)
    function, model = sd.compile(loss, target="python"), sd.Model(loss, target="python")
    at = {"p": RNG.normal(size=(2, 3)), "w": 1.0}
    data = {"p": at["p"]}
    wanted = function(**at, t=[0, 1])
    for labels in ([0.0, 1.0], np.array([0, 1], "f4"), [False, True], np.array([0, 1], "u8")):
        assert function(**at, t=labels) == wanted == value(loss, **at, t=labels)
        model.fit({**data, "t": labels}, optimizer=nn.SGD(0.1), epochs=1)
    for labels in ([0.0, 0.5], [0.0, np.nan], [0.0, np.inf], [0.0, 2.0**53]):
        doors: list[Callable[[], Any]] = [
            lambda labels=labels: function(**at, t=labels),  # type: ignore[misc]
            lambda labels=labels: value(loss, **at, t=labels),  # type: ignore[misc]
            lambda labels=labels: model.evaluate({**data, "t": labels}),  # type: ignore[misc]
        ]
        for enter in doors:
            with pytest.raises(ArgumentError, match="no integers"):
                enter()


def test_first_values_may_be_given() -> None:
    for init in (A, A.tolist(), 0.5, np.array([[1.0], [2.0]]), lambda shape, rng: A):
        w = sd.parameter("w", (2, 3), init=init)
        model = sd.Model((w**2).sum() * sd.tensor("k", (n,)).mean(), target="python", dtype="float64")
        wanted = A if callable(init) else np.broadcast_to(init, (2, 3))
        np.testing.assert_array_equal(model.parameters["w"], wanted)
    with pytest.raises(ShapeError, match="first values of w"):
        sd.parameter("w", (2, 3), init=np.ones(2))


def test_comparisons_compute() -> None:
    flags = X > 0
    at = (A > 0).astype(float)
    for formula in (
        lambda c: -(c * 1) + 2**c + c**2 + c % 2 + c // 1,
        lambda c: c @ B.T + (B @ c.T if hasattr(c, "T") else B @ (c * 1).T),
        lambda c: 1 / (2 - c) + c / 2 + [1, 2, 3] * c,
    ):
        np.testing.assert_allclose(value(formula(flags), X=A), formula(at))


# What looks like a comparison, and numbers that are none ----------------------------------------------------

a, b = sd.indices("a b")
LABELS = sd.tensor("labels", (n,), dtype="int64")
V = sd.tensor("V", (n,))


def test_equality_signs_compare_no_elements() -> None:
    """``==`` between objects gives Python's True or False, which would stand for all elements."""
    mistakes: list[Callable[[], Any]] = [
        lambda: sd.where(LABELS == 1, V, 0),
        lambda: sd.where(LABELS != 1, V, 0),
        lambda: V.sum(where=LABELS == 1),
        lambda: (LABELS == 1) * V,
        lambda: V - (V == V),
        lambda: sd.mean(LABELS == 1),
        lambda: sd.mean((V > 0) == (LABELS > 0)),
        lambda: nn.mean_squared_error(V, V, mask=LABELS == 1),
        lambda: sd.define("Q", (a, b), sd.where(a == b, X[a, b], 0)),
        lambda: np.where(LABELS == 1, V, 0),
        lambda: (V > 0) & (LABELS == 1),
    ]
    for mistake in mistakes:
        with pytest.raises(ExpressionError, match=r"sd\.equal"):
            mistake()


def test_truth_values_of_numpy_are_zeros_and_ones() -> None:
    np.testing.assert_array_equal(value(V * np.bool_(True), V=[1.0, 2.0]), [1, 2])
    np.testing.assert_array_equal(value(sd.where(np.bool_(False), V, 3), V=[1.0, 2.0]), [3, 3])
    np.testing.assert_array_equal(value(V + np.array([True, False])[:1], V=[1.0, 2.0]), [2, 3])


def test_numbers_that_are_not_real_are_refused() -> None:
    uses: list[Callable[[Any], Any]] = [
        lambda c: V * c,
        lambda c: c + V,
        lambda c: sd.full((3,), c),
        lambda c: sd.where(V > 0, c, 0),
    ]
    for number in (sp.I, 1 + 2 * sp.I, sp.zoo, sp.root(-1, 3), 1j, np.complex64(1)):
        for use in uses:
            with pytest.raises(SymdlError):
                use(number)


def test_axes_are_integers() -> None:
    for axis in (1.0, "0", (0, 1.0)):
        with pytest.raises(ShapeError, match="no integer"):
            X.sum(axis=axis)


def test_an_input_may_be_called_self() -> None:
    one, two = sd.tensor("self", (2,)), sp.Symbol("self", real=True)
    assert sd.compile((one * 2).sum())(self=[1.0, 2.0]) == 6
    assert sd.compile(two**2)(self=3.0) == 9


def test_integers_are_integers() -> None:
    """Axes, sizes, counts and diagonals: another number is an error of ours, and no size is a half."""
    mistakes: list[Callable[[], Any]] = [
        lambda: sd.sort(X, axis=None),
        lambda: sd.softmax(X, axis=(0, 1)),
        lambda: sd.tril(X, 0.5),
        lambda: sd.matrix_power(sd.eye(2), 0.5),
        lambda: sd.repeat(X, [1, 2], axis=0),
        lambda: sd.roll(X, (1, 2), axis=(0, 1)),
        lambda: sd.swapaxes(X, 0, None),
        lambda: sd.reshape(X, (4, -1)),
        lambda: sd.reshape(V, (-1, 2)),
        lambda: sd.tensor("half", (n / 2,)),
    ]
    for mistake in mistakes:
        with pytest.raises((ShapeError, ExpressionError)):
            mistake()
    assert sd.tensor("packed", (n * (n + 1) / 2,)).shape == (sp.expand(n * (n + 1) / 2),)
