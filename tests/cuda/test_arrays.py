"""Arrays that lie on a device: taken as they are, refused where they do not fit, handed out to others."""

from __future__ import annotations

import gc
import re
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ArgumentError, CompileError
from symdl.run.cuda import dlpack
from symdl.run.cuda.arrays import DeviceArray
from symdl.run.runtime import Target
from tests.cuda.conftest import on
from tests.cuda.device import SimulatedDevice
from tests.cuda.on_hardware import HARDWARE
from tests.cuda.toolchain import needs_compiler

pytestmark = [needs_compiler, pytest.mark.skipif(HARDWARE, reason="another library plays its part here")]
n = sd.Dim("n")
RNG = np.random.default_rng(5)


class Other:
    """An array of another library on a simulated device, which says so by ``__cuda_array_interface__``."""

    def __init__(
        self,
        device: SimulatedDevice,
        values: Any,
        *,
        stream: int | None = None,
        changes: Any = None,
        told: bool = True,
    ) -> None:
        self.values = np.ascontiguousarray(values)
        self.address = device.allocate(max(self.values.nbytes, 1))
        device.to_device(self.address, self.values, stream=stream or 0 if told else 1)
        self.stream, self.changes = stream if told else None, dict(changes or {})

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "shape": self.values.shape,
            "typestr": self.values.dtype.str,
            "data": (self.address, False),
            "version": 3,
        }
        if self.stream is not None:
            said["stream"] = self.stream
        return said | self.changes


class Capsuled:
    """The same by DLPack only; on the device of a number."""

    def __init__(self, device: SimulatedDevice, values: Any, *, place: tuple[int, int] = (2, 0)) -> None:
        self.inner, self.place, self.asked = Other(device, values), place, []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place

    def __dlpack__(self, *, stream: int) -> Any:
        self.asked.append(stream)
        values = self.inner.values
        return dlpack.exported(self, self.inner.address, values.shape, values.dtype)


class Elsewhere(Other):
    """The same by both protocols, on the second device, whose addresses mean nothing on the first."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 1


class Copies(SimulatedDevice):
    """Counts the bytes that are copied between host and device."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: Counter[str] = Counter()

    def to_device(self, address: int, source: Any, *, stream: int = 0) -> None:
        self.moved["to device"] += source.nbytes
        super().to_device(address, source, stream=stream)

    def to_host(self, target: Any, address: int, *, stream: int = 0) -> None:
        self.moved["to host"] += target.nbytes
        super().to_host(target, address, stream=stream)


@pytest.fixture
def device() -> Any:
    made = Copies()
    yield made
    made.settled()


def layer() -> tuple[sd.Tensor, dict[str, Any]]:
    X, W = sd.tensor("X", (n, 4)), sd.parameter("W", (4, 3))
    return sd.tanh(X @ W), {"X": RNG.normal(size=(5, 4)), "W": RNG.normal(size=(4, 3))}


@pytest.mark.parametrize("kind", [Other, Capsuled])
def test_what_lies_there_is_taken_and_handed_out_without_a_copy(
    kind: Any, device: Copies, target: Target
) -> None:
    A, given = layer()
    f = sd.compile(A, target=target)
    there = {name: kind(device, value) for name, value in given.items()}
    f(**there)  # loads what is kept
    device.moved.clear()
    found: Any = f(**there)
    assert not device.moved
    assert isinstance(found, DeviceArray) and found.shape == (5, 3) and found.dtype == "float64"
    right = sd.compile(A)(**given)
    np.testing.assert_allclose(np.asarray(found), right, rtol=1e-13)
    np.testing.assert_allclose(found.numpy(), right, rtol=1e-13)
    again: Any = f(X=there["X"], W=given["W"])  # one of them is enough
    assert isinstance(again, DeviceArray)
    assert isinstance(f(**given), np.ndarray)
    np.testing.assert_allclose(
        sd.compile(A)(X=there["X"].inner.values if kind is Capsuled else given["X"], W=given["W"]), right
    )


def test_results_are_arguments(device: Copies, target: Target) -> None:
    A, given = layer()
    f = sd.compile(A, target=target, results="target")
    first: Any = f(**given)
    assert isinstance(first, DeviceArray)
    B = sd.tensor("B", (n, 3)).sum()
    total: Any = sd.compile(B, target=target)(B=first)
    assert total.shape == () and float(total) == pytest.approx(float(sd.compile(A.sum())(**given)))
    on_host = sd.compile(B, target=target, results="host")(B=first)
    assert isinstance(on_host, float) and on_host == float(total)
    # NumPy, and so all that is not of this target, takes them by way of the host
    assert sd.compile(B)(B=first) == pytest.approx(on_host)


def test_where_results_lie_is_one_of_three() -> None:
    with pytest.raises(CompileError, match="results='device'"):
        sd.compile(sd.tensor("X", (n,)), results="device")  # type: ignore[call-overload]
    assert isinstance(sd.compile(sd.tensor("X", (n,)) * 2, results="target")(X=np.ones(2)), np.ndarray)


def test_results_that_are_copies(device: Copies, target: Target) -> None:
    X = sd.tensor("X", (n,))
    f = sd.compile([X, X * 2, X], target=target)
    given = Other(device, np.arange(3.0))
    found: Any = f(X=given)
    for each, right in zip(found, (1, 2, 1), strict=True):
        assert isinstance(each, DeviceArray) and each.address != given.address
        np.testing.assert_array_equal(each, right * np.arange(3.0))


def test_values_and_slopes_at_points(device: Copies, target: Target) -> None:
    x, y = sp.symbols("x y")
    f = sd.compile(sp.sin(x) * y, wrt=[x], target=target)
    points = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))
    value, slopes = f(x=Other(device, points[0]), y=Other(device, points[1]))
    assert isinstance(value, DeviceArray) and value.shape == slopes["x"].shape == (2, 3)
    np.testing.assert_allclose(value, np.sin(points[0]) * points[1])
    np.testing.assert_allclose(slopes["x"], np.cos(points[0]) * points[1])
    with pytest.raises(ArgumentError, match="not broadcast"):
        f(x=Other(device, points[0]), y=Other(device, np.ones(3)))


@pytest.mark.parametrize(
    ("values", "changes", "message"),
    [
        (np.ones((5, 4), "float32"), {}, "type float32 on the device, not float64"),
        (np.ones((5, 3)), {}, r"X has shape \(5, 3\)"),
        (np.ones((5, 4)), {"strides": (8, 40)}, "not contiguous"),
        (np.ones((5, 4)), {"strides": (64, 8)}, "not contiguous"),
        (np.ones((5, 4)), {"mask": 1}, "mask"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(
    values: Any, changes: Any, message: str, device: Copies, target: Target
) -> None:
    A, given = layer()
    f = sd.compile(A, target=target)
    with pytest.raises(ArgumentError, match=message) as caught:
        f(X=Other(device, values, changes=changes), W=given["W"])
    assert "X" in str(caught.value) and (caught.value.cure or caught.value.shapes)


def test_strides_of_what_is_contiguous(device: Copies, target: Target) -> None:
    X = sd.tensor("X", (n, 4))
    f = sd.compile(X.sum(), target=target)
    for shape, strides in (((1, 4), (999, 8)), ((3, 4), (32, 8)), ((3, 4), None)):
        other = Other(device, np.ones(shape), changes={"strides": strides})
        assert float(f(X=other)) == np.prod(shape)


def test_another_device_and_what_is_not_shared(device: Copies, target: Target) -> None:
    f = sd.compile(sd.tensor("X", (n,)).sum(), target=target)
    with pytest.raises(ArgumentError, match="device 1"):
        f(X=Capsuled(device, np.ones(3), place=(2, 1)))
    with pytest.raises(ArgumentError, match="device 1"):
        f(X=Elsewhere(device, np.ones(3)))

    class Differentiated:
        @property
        def __cuda_array_interface__(self) -> Any:
            raise RuntimeError("use detach()")

    with pytest.raises(ArgumentError, match=re.escape("use detach()")) as caught:
        f(X=Differentiated())
    assert "detach" in str(caught.value.cure)


def test_labels_are_checked_where_they_lie(device: Copies, target: Target) -> None:
    X, t = sd.tensor("X", (n, 4)), sd.tensor("t", (n,), dtype="int64")
    f = sd.compile(sd.nn.cross_entropy(X, t), target=target)
    given = RNG.normal(size=(3, 4)), np.array([0, 3, 1])
    found: Any = f(X=Other(device, given[0]), t=Other(device, given[1]))
    assert float(found) == pytest.approx(float(sd.compile(sd.nn.cross_entropy(X, t))(X=given[0], t=given[1])))
    with pytest.raises(ArgumentError, match=r"t holds 4 at \(1,\)"):
        f(X=Other(device, given[0]), t=Other(device, np.array([0, 4, 1])))
    with pytest.raises(ArgumentError, match="type int32"):
        f(X=Other(device, given[0]), t=Other(device, given[1].astype("int32")))


@pytest.mark.parametrize("told", [True, False])
def test_streams_wait_for_each_other(told: bool, target: Target, device: Copies) -> None:
    """What another library put into its stream before is seen; what it does there later comes later."""
    stream = device.new_stream()
    other = Other(device, np.ones(4), stream=stream, told=told)
    if not told:  # as of a library that says nothing: its work is in the driver's own stream
        assert stream == 1
        device.to_device(other.address, np.full(4, 2.0), stream=1)
    found: Any = sd.compile(sd.tensor("X", (n,)) * 3, target=target)(X=other)
    device.to_device(other.address, np.zeros(4), stream=stream)  # not before it was read
    np.testing.assert_array_equal(found, 3.0 if told else 6.0)


def test_the_interface_that_others_read(device: Copies, target: Target) -> None:
    found: Any = sd.compile(sd.tensor("X", (n, 2)) * 2, target=target, results="target")(X=np.ones((3, 2)))
    said = found.__cuda_array_interface__
    assert said["shape"] == (3, 2) and said["typestr"] == "<f8" and said["strides"] is None
    assert np.frombuffer(device.memory.read(said["data"][0], 48), "float64").tolist() == [2.0] * 6
    assert found.__dlpack_device__() == (2, 0)
    taken = dlpack.imported(found.__dlpack__(stream=1, max_version=(1, 0), dl_device=(2, 0), copy=False))
    assert (taken.address, taken.shape, taken.strides, taken.typestr) == (found.address, (3, 2), None, "f8")
    other = dlpack.imported(found.__dlpack__(copy=True))
    assert other.address != found.address
    with pytest.raises(BufferError):
        found.__dlpack__(dl_device=(1, 0))
    with pytest.raises(ValueError, match="copied"):
        np.asarray(found, copy=False)


def test_capsules_keep_memory_as_long_as_needed() -> None:
    class Owner:
        pass

    for take in (True, False):
        owner = Owner()
        gone = weakref.ref(owner)
        capsule = dlpack.exported(owner, 4096, (2, 3), np.dtype("float32"))
        del owner
        taken = dlpack.imported(capsule) if take else None
        assert gone() is not None
        del capsule
        assert (gone() is not None) == take
        del taken
        assert gone() is None


def test_numpys_own_capsules_are_read() -> None:
    values = np.arange(12.0).reshape(3, 4)[:, ::2]
    taken = dlpack.imported(values.__dlpack__())
    assert (taken.address, taken.shape) == (values.ctypes.data, (3, 2))
    assert (taken.strides, taken.typestr) == ((32, 16), "f8")


def test_slices_and_parts(device: Copies, target: Target) -> None:
    values = RNG.normal(size=(7, 2, 3))
    there = target.runtime.there(values)
    np.testing.assert_array_equal(there[2:5], values[2:5])
    np.testing.assert_array_equal(there[5:99][1:], values[6:])
    np.testing.assert_array_equal(there.take(np.array([6, 0, 6])), values[[6, 0, 6]])
    for axis in (0, 1, 2):
        parts: Sequence[Any] = [there[:2], there[2:4]] if axis else [there[:2], there[2:]]
        right = np.concatenate([np.asarray(part) for part in parts], axis)
        np.testing.assert_array_equal(DeviceArray.joined(parts, axis), right)
    for wrong in (3, slice(None, None, 2), (0, 1), None):
        with pytest.raises(ArgumentError, match="no"):
            there[wrong]
    assert there.finite()
    values[3, 1, 2] = np.nan
    assert not target.runtime.there(values).finite()
    assert not target.runtime.there(np.array([np.inf], "float32")).finite()


def test_memory_is_free_when_nobody_has_the_result(device: Copies, target: Target) -> None:
    f = sd.compile(sd.tensor("X", (n,)) * 2, target=target, results="target")
    found: Any = f(X=np.ones(1000))
    gone = weakref.ref(found)
    part = found[10:20]
    del found
    gc.collect()
    assert gone() is not None  # the part has it
    del part
    gc.collect()
    assert gone() is None


@pytest.fixture
def target(device: Copies) -> Target:
    return on(device)
