"""Matrix products by cuBLAS: a stand-in for CuPy checks what it is asked and computes on simulated memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.run.cuda.cublas import Cublas, installed
from symdl.run.cuda.runtime import CudaRuntime
from symdl.run.runtime import Target
from symdl.targets import CUDA
from tests.cuda.device import SimulatedDevice
from tests.cuda.on_hardware import HARDWARE
from tests.cuda.toolchain import needs_compiler

pytestmark = pytest.mark.skipif(HARDWARE, reason="it has a simulated cuBLAS")
n = sd.Dim("n")
RNG = np.random.default_rng(7)
HANDLE = 77


class CuPy:
    """The part of CuPy that is used: ``cuda.cublas`` and ``cuda.ExternalStream``."""

    def __init__(self, device: SimulatedDevice) -> None:
        self.device, self.stream = device, -1
        self.asked: Counter[str] = Counter()
        self.modes: list[int] = []
        self.cuda = SimpleNamespace(cublas=self, ExternalStream=self.external)

    @contextmanager
    def external(self, pointer: int) -> Iterator[None]:
        before, self.stream = self.stream, pointer
        yield
        self.stream = before

    def create(self) -> int:
        assert self.device.graph is None, "a handle is made while a graph is captured"
        self.asked["create"] += 1
        return HANDLE

    def setMathMode(self, handle: int, mode: int) -> None:
        assert handle == HANDLE
        self.modes.append(mode)

    def sgemmStridedBatched(self, *arguments: int) -> None:
        self.gemm("float32", *arguments)

    def dgemmStridedBatched(self, *arguments: int) -> None:
        self.gemm("float64", *arguments)

    def gemm(self, dtype: str, handle: int, ta: int, tb: int, m: int, n: int, k: int, *rest: int) -> None:
        """Compute ``C = alpha op(A) op(B) + beta C``, column-major, as cuBLAS does."""
        alpha, a, lda, a_step, b, ldb, b_step, beta, c, ldc, c_step, count = rest
        assert (handle, self.stream) == (HANDLE, 0) and {ta, tb} <= {0, 1} and min(m, n, k, count) > 0
        shapes = (k, m) if ta else (m, k), (n, k) if tb else (k, n), (m, n)
        leads = (lda, ldb, ldc)
        assert all(lead >= max(1, rows) for lead, (rows, _) in zip(leads, shapes, strict=True))
        self.asked["batch" if count > 1 else "product"] += 1
        one, zero = (
            np.ctypeslib.as_array((np.ctypeslib.as_ctypes_type(dtype) * 1).from_address(at))[0]
            for at in (alpha, beta)
        )
        assert zero == 0
        size = np.dtype(dtype).itemsize
        for at in range(count):
            starts = (a + at * a_step * size, b + at * b_step * size, c + at * c_step * size)
            left, right = (
                self.matrix(dtype, *each) for each in zip(starts[:2], leads[:2], shapes[:2], strict=True)
            )
            made = one * (left.T if ta else left) @ (right.T if tb else right)
            for column in range(n):
                place = starts[2] + column * ldc * size
                content = np.ascontiguousarray(made[:, column], dtype).tobytes()
                self.device.watch.copy("gemm", 0, written=[place], size=len(content))
                self.device.memory.write(place, content)

    def matrix(self, dtype: str, start: int, lead: int, shape: tuple[int, int]) -> Any:
        rows, columns = shape
        size, found = np.dtype(dtype).itemsize, np.empty(shape, dtype)
        for column in range(columns):
            place = start + column * lead * size
            self.device.watch.copy("gemm", 0, read=[place], size=rows * size)
            found[:, column] = np.frombuffer(self.device.memory.read(place, rows * size), dtype)
        return found


@pytest.fixture
def device() -> Iterator[SimulatedDevice]:
    made = SimulatedDevice()
    yield made
    made.settled()


@pytest.fixture
def cupy(device: SimulatedDevice) -> CuPy:
    return CuPy(device)


@pytest.fixture
def target(device: SimulatedDevice, cupy: CuPy) -> Target:
    return replace(CUDA, runtime=CudaRuntime(lambda: device, lambda found: Cublas(cupy, found)))


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["ab", "aTb", "abT", "aTbT", "row", "column", "inner of 1"])
def test_layouts(form: str, dtype: Any, cupy: CuPy, device: SimulatedDevice, target: Target) -> None:
    rows, columns, inner = {"row": (1, 5, 3), "column": (4, 1, 3), "inner of 1": (4, 5, 1)}.get(
        form, (4, 5, 3)
    )
    A = sd.tensor("A", (inner, rows) if form.startswith("aT") else (rows, inner))
    B = sd.tensor("B", (columns, inner) if form.endswith("bT") else (inner, columns))
    made = (A.T if form.startswith("aT") else A) @ (B.T if form.endswith("bT") else B)
    given = {t.name: RNG.normal(size=t.shape).astype(dtype) for t in (A, B)}
    f = sd.compile(made, target=target, dtype=dtype)
    found = f(**given)
    np.testing.assert_allclose(found, sd.compile(made, dtype=dtype)(**given), rtol=1e-5, atol=1e-6)
    if "gemm" in f.structures:
        assert cupy.asked["product"] == 1 and cupy.modes == [0]
        assert not any("multiply" in text for text in device.texts)
    else:
        assert form in ("row", "column", "inner of 1")


@needs_compiler
def test_batches_are_one_call(cupy: CuPy, target: Target) -> None:
    A, B = sd.tensor("A", (n, 3, 4)), sd.tensor("B", (n, 4, 2))
    made = A @ B
    given = {"A": RNG.normal(size=(5, 3, 4)), "B": RNG.normal(size=(5, 4, 2))}
    f = sd.compile(made, target=target)
    assert "gemm" in f.structures
    np.testing.assert_allclose(f(**given), given["A"] @ given["B"], rtol=1e-12)
    assert cupy.asked == {"create": 1, "batch": 1}
    Q, K = sd.tensor("Q", (n, 2, 3, 4)), sd.tensor("K", (n, 2, 3, 4))
    f = sd.compile(Q @ K.transpose((0, 1, 3, 2)), target=target)
    heads = {"Q": RNG.normal(size=(3, 2, 3, 4)), "K": RNG.normal(size=(3, 2, 3, 4))}
    np.testing.assert_allclose(f(**heads), heads["Q"] @ heads["K"].transpose(0, 1, 3, 2), rtol=1e-12)


@needs_compiler
def test_training_captures_products(
    cupy: CuPy, device: SimulatedDevice, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cuBLAS loads is loaded before a capture; its products are in the graph, which has no child."""
    monkeypatch.setattr("symdl.run.cuda.steps.MOST_STEPS", 2)
    monkeypatch.setattr(SimulatedDevice, "repeated", None)
    X, t = sd.tensor("X", (n, 6)), sd.tensor("t", (n,), dtype="int64")
    hidden = sd.nn.dense(X, 5, activation=sd.tanh, name="first")
    logits = hidden @ sd.parameter("W", (5, 3))  # which nothing joins that is computed element by element
    data = {"X": RNG.normal(size=(11, 6)), "t": RNG.integers(0, 3, 11)}
    models = [
        sd.Model(sd.nn.cross_entropy(logits, t), output=logits, target=place, dtype="float64")
        for place in (target, "cpu")
    ]
    for model in models:
        model.fit(data, optimizer=sd.nn.SGD(0.1), batch_size=2, epochs=2)
    for name, value in models[0].parameters.items():
        np.testing.assert_allclose(value, models[1].parameters[name], rtol=1e-9, err_msg=name)
    assert cupy.asked["product"] >= 12 and cupy.asked["create"] == 1  # one in each of 12 steps at least


def test_without_cupy_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("symdl.run.cuda.cublas.import_module", missing)
    assert installed(SimulatedDevice()) is None
