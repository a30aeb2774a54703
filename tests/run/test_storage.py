"""Inputs of narrow types: read where they are, computed with in float32 or float64.

Right values are those of the same function on the same numbers in wide arrays; those of the halves are
NumPy's, and for bfloat16 those of ml_dtypes.
"""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

import symdl as sd
from symdl import nn
from symdl.errors import ArgumentError, CompileError, EmitError
from symdl.express.program import collect
from symdl.lower.ir.loops import Store, statements
from symdl.run.cpu.intrinsics import halves
from symdl.run.reference.interpreter import outputs
from symdl.run.training import compile_training

RNG = np.random.default_rng(5)
n = sd.Dim("n")
i, k = sd.indices("i k")
TARGETS = ("cpu", "python")
ALL = np.arange(1 << 16, dtype="uint16")
WHOLE = ("int8", "int16", "int32", "uint8", "uint16", "uint32")


def wide(array: Any) -> Any:
    """The numbers of an array in a type that holds each of them."""
    if array.dtype.names:
        return (array.view("uint16").astype("uint32") << 16).view("float32")
    with np.errstate(invalid="ignore"):  # NumPy minds signalling NaN
        return array.astype("float32") if array.dtype == "float16" else array


def some(storage: str, shape: tuple[int, ...]) -> Any:
    """Numbers in an array of a narrow type."""
    if storage in WHOLE:
        low = 0 if storage.startswith("u") else -99
        return RNG.integers(low, 100, shape).astype(storage)
    values = RNG.normal(size=shape)
    return sd.bfloat16(values) if storage == "bfloat16" else values.astype(storage)


# Conversions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
def test_every_half_is_read_exactly(storage: str, dtype: Any, target: Any) -> None:
    """Subnormal numbers, both zeros, infinities and NaN among them."""
    bits = (
        ALL
        if target == "cpu"
        else np.r_[ALL[::97], 0, 1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0x7C01, 0x7F80, 0x7F81]
    )
    bits = np.unique(np.r_[bits, bits ^ 0x8000]).astype("uint16")
    array = sd.bfloat16(bits=bits) if storage == "bfloat16" else bits.view("float16")
    x = sd.tensor("x", (n,))
    found = sd.compile(sd.maximum(x, x), dtype=dtype, target=target, storage={"x": storage})(x=array)
    with np.errstate(invalid="ignore"):  # NumPy minds signalling NaN
        right = wide(array).astype(dtype)
    np.testing.assert_array_equal(found, right)
    less = sd.compile(-x, dtype=dtype, target=target, storage={"x": storage})(x=array)
    np.testing.assert_array_equal(np.signbit(less), np.signbit(-right))


def test_float16_without_an_instruction_for_it() -> None:
    @intrinsic
    def from_bits(_typing: Any, bits: Any) -> Any:
        def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return halves.by_bits(builder, builder.zext(args[0], ir.IntType(32)))

        return types.float32(bits), build

    read: Any = from_bits  # its first parameter is Numba's

    @njit
    def convert(array: Any, result: Any) -> None:
        for at in range(len(array)):
            result[at] = read(array[at])

    result = np.empty(1 << 16, "float32")
    convert(ALL, result)
    right = wide(ALL.view("float16"))
    np.testing.assert_array_equal(result, right)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(right))


@settings(max_examples=200, deadline=None)
@given(st.floats(width=64) | st.floats(-1e39, 1e39) | st.floats(-1e-38, 1e-38))
def test_numbers_are_rounded_to_the_nearest_bfloat16(value: float) -> None:
    found = float(wide(sd.bfloat16(np.array([value])))[0])
    if np.isnan(value):
        assert np.isnan(found)
        return
    bits = int(np.float32(found).view("uint32")) >> 16
    near = [((bits & 0x8000) | min(max((bits & 0x7FFF) + d, 0), 0x7F80)) << 16 for d in (-1, 0, 1)]
    # The largest one and infinity: the middle between them is where the next number would be.
    found_near = [float(c) for c in np.array(near, "uint32").view("float32")]
    numbers = [float(np.sign(c)) * 2.0**128 if np.isinf(c) else c for c in found_near]
    wanted = value if np.isfinite(value) else 2.0**128 * float(np.sign(value))
    distances = [abs(number / 2 - wanted / 2) for number in numbers]
    assert distances[1] == min(distances)
    if distances.count(min(distances)) > 1 and numbers[0] != numbers[1] != numbers[2]:
        assert bits % 2 == 0


def test_hard_points_of_rounding() -> None:
    one = 1 + 2**-8  # between 1 and the next bfloat16
    values = [one, one + 2**-40, one - 2**-40, 1 + 3 * 2**-8, -one]
    values += [3.4e38, 3.3962e38, 1e-45, np.inf, -0.0, 1e300]
    found = sd.bfloat16(values).view("uint16").tolist()
    assert found == [0x3F80, 0x3F81, 0x3F80, 0x3F82, 0xBF80, 0x7F80, 0x7F80, 0, 0x7F80, 0x8000, 0x7F80]
    assert sd.bfloat16(np.float32(3.3895e38)).view("uint16") == 0x7F7F
    assert sd.bfloat16([np.nan, -np.nan]).view("uint16").tolist() == [0x7FC0, 0xFFC0]
    x = sd.tensor("x", (4,))
    f = sd.compile(x * 1, dtype="float64", storage={x: "float16"})
    given_ = np.array([65519.0, 65520.0, 1 + 2**-11, 2.0**-25 * 1.5])
    np.testing.assert_array_equal(f(x=given_), [65504, np.inf, 1, 2**-24])


def test_bfloat16_of_other_libraries() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = RNG.normal(size=(3, 4)) * 10.0 ** RNG.integers(-44, 38, (3, 4))
    theirs = values.astype("float32").astype(ml_dtypes.bfloat16)
    mine = sd.bfloat16(values.astype("float32"))
    np.testing.assert_array_equal(mine.view("uint16"), theirs.view("uint16"))
    assert np.shares_memory(sd.bfloat16(theirs), theirs)
    x = sd.tensor("x", (3, 4))
    f = sd.compile(sd.sum(x), storage={"x": "bfloat16"})
    assert f(x=theirs) == f(x=mine) == f(x=values.astype("float32"))


# Programs ---------------------------------------------------------------------------------------------------


def _products() -> Any:
    X, W, v = sd.tensor("X", (n, 7)), sd.tensor("W", (5, 7)), sd.tensor("v", (7,))
    return sd.tanh(X @ W.T) + sd.define(None, (i,), sd.Sum(W[i, k] * v[k], k)) * 0.1 + (v @ W.T) + sd.sum(X)


def _recurrent() -> Any:
    return nn.rnn(sd.tensor("X", (n, 4, 3)), 5, name="r")


def _images() -> Any:
    x = nn.conv2d(sd.tensor("X", (n, 2, 9, 8)), 3, kernel_size=3, padding=1, name="c")
    return nn.max_pool2d(sd.relu(x), 2)


def _matrices() -> Any:
    A, b = sd.tensor("A", (4, 4)), sd.tensor("b", (4,))
    A = A + 300 * sd.eye(4)
    return sd.solve(A, b) + sd.logdet(A)


PROGRAMS = {
    "products": (_products, ("X", "W", "v")),
    "recurrence": (_recurrent, ("X", "r.W")),
    "images": (_images, ("X",)),
    "matrices": (_matrices, ("A", "b")),
}
SHAPES = {"X": (6, 7), "W": (5, 7), "v": (7,), "A": (4, 4), "b": (4,)}


@pytest.mark.parametrize("schedule", ["fused", "naive"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", list(PROGRAMS))
def test_values_and_gradients_are_those_of_wide_arrays(name: str, target: Any, schedule: Any) -> None:
    make, narrow = PROGRAMS[name]
    output = make()
    loss = sd.sum(output * output)
    inputs = collect([loss]).inputs
    sizes: dict[Any, Any] = {n: 6}
    for at, storage in enumerate(("bfloat16", "uint8")):
        kinds = {t: storage if s % 2 == at % 2 else "float16" for s, t in enumerate(narrow)}
        values: dict[str, Any] = {}
        for t in inputs:
            shape = tuple(sizes.get(s, s) for s in t.shape)
            values[t.name] = some(kinds[t.name], shape) if t.name in kinds else RNG.normal(size=shape)
        plain = {key: wide(a).astype("float64") for key, a in values.items()}
        options: Any = {"target": target, "schedule": schedule, "wrt": [t.name for t in inputs]}
        value, slopes = sd.compile(loss, **options, storage=kinds)(**values)
        right, rights = sd.compile(loss, **options)(**plain)
        np.testing.assert_allclose(value, right, rtol=1e-13)
        for key, slope in slopes.items():
            np.testing.assert_allclose(slope, rights[key], rtol=1e-11, atol=1e-11 * np.abs(rights[key]).max())
        (oracle,) = outputs(collect([loss]), plain)
        np.testing.assert_allclose(value, oracle, rtol=1e-12)


def test_gradients_against_central_differences() -> None:
    """By a narrow input, too: it is a point like any other."""
    x, w = sd.tensor("x", (n, 3)), sd.tensor("w", (3,))
    loss = sd.sum(sd.tanh(x @ w) ** 2)
    xs, ws = some("float16", (4, 3)), sd.bfloat16(RNG.normal(size=3))
    _, slopes = sd.compile(loss, wrt=["x", "w"], storage={"x": "float16", "w": "bfloat16"})(x=xs, w=ws)
    f = sd.compile(loss)
    points = {"x": wide(xs).astype("float64"), "w": wide(ws).astype("float64")}
    for name, point in points.items():
        for at in np.ndindex(point.shape):
            step = np.zeros(point.shape)
            step[at] = 1e-6
            ahead, back = (f(**{**points, name: point + s * step}) for s in (1, -1))
            np.testing.assert_allclose(slopes[name][at], (ahead - back) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("storage", WHOLE)
def test_positions_and_labels(storage: str, target: Any) -> None:
    E, ids = sd.parameter("E", (11, 3)), sd.tensor("ids", (n,), dtype="int64")
    loss = sd.sum(sd.take(E, ids, axis=0) ** 2 * sd.take(E, ids + 1, axis=0)) + sd.sum(ids * ids * 1000000)
    f = sd.compile(loss, wrt="E", target=target, storage={"ids": storage})
    g = sd.compile(loss, wrt="E", target=target)
    table = RNG.normal(size=(11, 3))
    for given_ in ([0, 9, 3, 3], [5], np.arange(9)[::-2]):
        mine, right = (h(E=table, ids=np.asarray(given_).astype(s)) for h, s in ((f, storage), (g, "int64")))
        np.testing.assert_array_equal(mine[0], right[0])
        np.testing.assert_array_equal(mine[1]["E"], right[1]["E"])
    for wrong in (10, 100):
        with pytest.raises(ArgumentError, match=rf"ids holds {wrong} at \(1,\)"):
            f(E=table, ids=np.array([3, wrong], storage))


def test_masked_positions_are_checked_where_they_count() -> None:
    logits, t = sd.tensor("z", (n, 4)), sd.tensor("t", (n,), dtype="int64")
    loss = nn.cross_entropy(logits, t, ignore_label=-1)
    f = sd.compile(loss, storage={"t": "int8"})
    z = RNG.normal(size=(3, 4))
    assert f(z=z, t=np.array([0, -1, 3], "int8")) == sd.compile(loss)(z=z, t=np.array([0, -1, 3]))
    with pytest.raises(ArgumentError, match="t holds 4"):
        f(z=z, t=np.array([0, -1, 4], "int8"))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("real", "whole"), [("uint8", "int8"), ("float16", "uint8"), ("bfloat16", "int32")])
def test_orders_of_narrow_keys(real: str, whole: str, target: Any) -> None:
    """They are sorted, and what sorts them reads rows of wide keys."""
    x, keys = sd.tensor("x", (3, 20)), sd.tensor("keys", (20,), dtype="int64")
    xs, ks = some(real, (3, 20)), some(whole, (20,))
    wanted = [sd.sort(x, axis=1), sd.argsort(x, axis=1), sd.sort(keys), sd.argsort(keys)]
    f = sd.compile(wanted, target=target, storage={"x": real, "keys": whole})
    bodies = [s.body for k in f.built.lowered.kernels for s in statements(k.items) if isinstance(s, Store)]
    assert {"ranks", "whole_ranks"} <= {body.result.op for body in bodies}
    right = sd.compile(wanted, target=target)(x=wide(xs), keys=ks)
    for mine, theirs in zip(f(x=xs, keys=ks), right, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("target", TARGETS)
def test_transforms_of_narrow_signals(target: Any) -> None:
    """Their stages are products, which read a copy."""
    x = sd.tensor("x", (3, 16))
    xs = some("uint8", (3, 16))
    z = sd.rfft(x)
    for output in (z.re, z.im, (abs(z) ** 2).sum()):
        mine = sd.compile(output, target=target, storage={"x": "uint8"})(x=xs)
        np.testing.assert_allclose(mine, sd.compile(output, target=target)(x=xs), rtol=1e-13, atol=1e-10)
    complex_ = sd.compile(z, target=target, storage={"x": "uint8"})(x=xs)
    np.testing.assert_allclose(complex_, np.fft.rfft(xs), atol=1e-10)


@pytest.mark.parametrize("target", TARGETS)
def test_parts_of_complex_inputs(target: Any) -> None:
    """They are inputs, and can be narrow ones; of a complex array they are copies."""
    z = sd.complex_tensor("z", (8,))
    f = sd.compile(sd.fft(z), target=target, storage={"z_re": "float16", "z_im": "bfloat16"})
    zs = RNG.integers(-9, 9, 8) + 1j * RNG.integers(-9, 9, 8)
    np.testing.assert_allclose(f(z=zs), np.fft.fft(zs), atol=1e-13)


def test_large_calls_in_blocks() -> None:
    """Blocks of samples begin inside narrow arrays."""
    x = sd.tensor("x", (n, 64))
    y = nn.dense(sd.exp(sd.sin(x)), 64, name="d")
    values = {"d.W": RNG.normal(size=(64, 64)), "d.b": RNG.normal(size=64)}
    f, g = sd.compile(y, threads=2, storage={"x": "uint8"}), sd.compile(y, threads=2)
    xs = some("uint8", (5000, 64))
    np.testing.assert_allclose(f(x=xs, **values), g(x=xs, **values), rtol=1e-13, atol=1e-13)


# Training ---------------------------------------------------------------------------------------------------


def _model(target: Any, storage: Any, *, images: bool) -> sd.Model:
    x, t = sd.tensor("x", (n, 1, 6, 7)), sd.tensor("t", (n,), dtype="int64")
    h = x / 255
    if images:
        h = nn.max_pool2d(nn.conv2d(h, 3, kernel_size=3, activation=sd.relu, name="c"), 2)
    z = nn.dense(sd.flatten(h, 1), 4, name="d")
    return sd.Model(nn.cross_entropy(z, t), output=z, target=target, storage=storage)


@pytest.mark.parametrize(("target", "images"), [("cpu", False), ("cpu", True), ("python", False)])
def test_training_has_the_bits_of_wide_data(target: Any, images: bool) -> None:
    """Bytes, labels of one, two and four bytes, halves; batches that do not divide the data."""
    x, t = RNG.integers(0, 256, (53, 1, 6, 7)), RNG.integers(0, 4, 53)
    kinds = [None, ("uint8", "int32"), ("float16", "uint8"), ("bfloat16", "int16")]
    found = []
    for kind in kinds:
        storage = None if kind is None else dict(zip(("x", "t"), kind, strict=True))
        model = _model(target, storage, images=images)
        images_ = x if kind is None else sd.bfloat16(x) if kind[0] == "bfloat16" else x.astype(kind[0])
        data = {"x": images_, "t": t.astype(kind[1]) if kind else t}
        model.fit(data, optimizer=nn.Adam(1e-2), batch_size=8, epochs=2, validation=0.2, threads=1)
        found.append((*model.parameters.values(), model.predict(x=images_), *model.evaluate(data).values()))
    for other in found[1:]:
        for mine, right in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(mine, right)


def test_data_stay_narrow() -> None:
    model = _model("cpu", {"x": "uint8", "t": "uint8"}, images=False)
    x, t = some("uint8", (20, 1, 6, 7)), RNG.integers(0, 4, 20).astype("uint8")
    arrays = model.checked({"x": x, "t": t})
    assert arrays.by_name["x"] is x and arrays.by_name["t"] is t
    trainer = model.trainer(optimizer=nn.SGD(0.1))
    assert trainer.step({"x": x, "t": t})["loss"] > trainer.step({"x": x, "t": t})["loss"]
    model.fit({"x": x, "t": t}, optimizer=nn.LBFGS(), epochs=2)


def test_models_keep_their_storage(tmp_path: Any) -> None:
    pytest.importorskip("safetensors")
    model = _model("cpu", {"x": "uint8"}, images=False)
    model.save(tmp_path / "m.safetensors")
    assert sd.load(tmp_path / "m.safetensors").storage == {"x": "uint8"}


def test_what_a_model_refuses() -> None:
    with pytest.raises(CompileError, match=r"d\.W, which is no input"):
        _model("cpu", {"d.W": "float16"}, images=False)
    model = _model("cpu", {"x": "float16", "t": "int8"}, images=False)
    wrong = [(np.nan, 0, "x holds nan"), (70000.0, 0, "too large for float16"), (1.0, 4, "t holds 4")]
    for x, t, message in (*wrong, (1.0, 128, "no such number")):
        data = {"x": np.full((5, 1, 6, 7), x), "t": np.full(5, t)}
        with pytest.raises(ArgumentError, match=message):
            model.fit(data, optimizer=nn.SGD(0.1))
    w = sd.parameter("w", (3,))
    loss = sd.sum(w * sd.tensor("x", (n, 3)))
    with pytest.raises(CompileError, match="w is updated"):
        compile_training(loss, [w], nn.SGD(0.1).updates, storage={"w": "float16"})


# What is generated ------------------------------------------------------------------------------------------


def test_a_narrow_matrix_times_a_vector_is_read_once_where_it_is() -> None:
    W, v = sd.tensor("W", (40, 30)), sd.tensor("v", (30,))
    f = sd.compile(W @ v, dtype="float32", storage={"W": "float16"})
    assert f.structures == ("i0(i1)",) and "from_float16(W[" in f.source
    assert [b.kind for b in f.built.lowered.plan.buffers] == ["given", "given", "output"]
    assert "gemm" in sd.compile(W @ v, dtype="float32").structures


def test_products_of_matrices_read_copies() -> None:
    W, X = sd.tensor("W", (40, 30)), sd.tensor("X", (30, n))
    f = sd.compile(W @ X, dtype="float32", storage={"W": "float16"})
    assert "gemm" in f.structures
    assert [b.storage for b in f.built.lowered.plan.buffers] == ["float16", "", "", ""]


@pytest.mark.parametrize("storage", ["float16", "bfloat16", "uint8"])
def test_sums_are_vectorised(storage: str) -> None:
    from symdl.run.cpu.intrinsics.pointers import KERNEL

    pointer: Any = types.CPointer
    kind = types.uint8 if storage == "uint8" else types.uint16
    convert: Any = getattr(halves, f"from_{storage}", np.float32)

    def total(values: Any, count: Any, result: Any) -> None:
        found = np.float32(0)
        for at in range(count):
            found += convert(values[at])
        result[0] = found

    kernel = njit(types.void(pointer(kind), types.int64, pointer(types.float32)), **KERNEL)(total)
    (code,) = kernel.inspect_llvm().values()
    assert re.search(r"fadd [a-z ]*<\d+ x float>", code)


# Doors ------------------------------------------------------------------------------------------------------

X23 = sd.tensor("X", (2, 3))


def test_other_arrays_are_rounded_or_refused() -> None:
    f = sd.compile(X23 * 1, storage={"X": "uint8"})
    right = np.arange(6.0).reshape(2, 3)
    for fine in (right, right.tolist(), right.astype("int32"), right.T.copy().T, right.astype("uint8")):
        np.testing.assert_array_equal(f(X=fine), right)
    np.testing.assert_array_equal(f(X=right > 2), right > 2)
    for wrong in (right + 0.5, right - 1, right + 253, right * np.nan):
        with pytest.raises(ArgumentError, match="X holds"):
            f(X=wrong)
    with pytest.raises(ArgumentError, match="shape"):
        f(X=right[:1].astype("uint8"))
    np.testing.assert_array_equal(f(X=sd.bfloat16(right)), right)
    np.testing.assert_array_equal(sd.compile(X23 * 1)(X=sd.bfloat16(right)), right)


def test_bits_are_no_numbers() -> None:
    f = sd.compile(X23 * 1, storage={"X": "bfloat16"})
    ones = np.full((2, 3), 0x3F80, "uint16")
    np.testing.assert_array_equal(f(X=sd.bfloat16(bits=ones)), np.ones((2, 3)))
    np.testing.assert_array_equal(f(X=ones), np.full((2, 3), 16256))
    for arguments in ({"values": 1.0, "bits": ones}, {"bits": ones.astype("int64")}, {"bits": [1]}):
        with pytest.raises(ArgumentError, match="uint16"):
            sd.bfloat16(**arguments)
    with pytest.raises(ArgumentError, match="text"):
        sd.bfloat16("one")


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ({"Y": "float16"}, "Y, which is no input"),
        ({"X": "float8"}, "no storage 'float8'"),
        ({"X": "int64"}, "no storage 'int64'"),
        ({"X": 3}, "no storage '3'"),
        ("float16", "storage='float16'"),
        ({sd.tensor("X", (2, 3)): "float16"}, "X, which is no input"),
    ],
)
def test_what_storage_cannot_be(storage: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        sd.compile(sd.sum(X23), storage=storage)


def test_kinds_of_names() -> None:
    x = np.ones((2, 3), "float16")
    for key in ("X", X23):
        for kind in ("float16", np.float16, np.dtype("float16")):
            f: Any = sd.compile(sd.sum(X23), storage={key: kind})
            assert f(X=x) == 6
    assert pickle.loads(pickle.dumps(f))(X=x) == 6  # noqa: S301
    np.testing.assert_array_equal(sd.compile(X23, storage={"X": "bfloat16"})(X=x), x)


def test_where_there_is_no_storage() -> None:
    t = sd.tensor("t", (n,), dtype="int64")
    with pytest.raises(CompileError, match="holds integers"):
        sd.compile(sd.sum(t), storage={"t": "float16"})
    with pytest.raises(EmitError, match="does not read float16"):
        sd.compile(sd.sum(X23), target="cuda", storage={"X": "float16"})
    f = sd.compile(sd.sum(X23), storage={"X": "float16"})
    with pytest.raises(CompileError, match="X is stored as float16"):
        f.export("alone.py")
    with pytest.raises(CompileError, match="an expression has none"):
        sd.compile(sp.Symbol("x"), storage={"x": "float16"})
