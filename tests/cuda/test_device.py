"""The simulated device: copies, launches, streams, events and graphs, and what is found in a wrong order."""

from __future__ import annotations

import numpy as np
import pytest

from symdl.run.cuda.device import Device, Scalar
from tests.cuda.device import DeviceError, Kernel, SimulatedDevice
from tests.cuda.ptx.types import PtxError
from tests.cuda.texts import THREAD, module, pointer

SCALE = module(
    THREAD
    + "ld.param.u32 %r5, [p2];\n setp.ge.u32 %p0, %r0, %r5;\n @%p0 bra $end;\n"
    + pointer("%rd1", 0)
    + pointer("%rd2", 1)
    + "ld.param.f32 %f2, [p3];\n"
    + "ld.global.f32 %f1, [%rd1];\n mul.f32 %f1, %f1, %f2;\n st.global.f32 [%rd2], %f1;\n$end:",
    ("u64", "u64", "u32", "f32"),
    name="scale",
)
N = 100


def made() -> tuple[SimulatedDevice, Kernel, list[int]]:
    device = SimulatedDevice()
    kernel = device.function(device.load(SCALE), "scale")
    return device, kernel, [device.allocate(4 * N, name=name) for name in "abc"]


def scale(device: Device, kernel: Kernel, source: int, target: int, *, stream: int = 0, n: int = N) -> None:
    device.launch(kernel, 4, 32, 0, [source, target, np.uint32(n), np.float32(2)], stream=stream)


def fetched(device: Device, address: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    out = np.zeros(N, np.float32)
    device.to_host(out, address)
    return out


def kinds(device: SimulatedDevice) -> list[str]:
    return [finding.kind for finding in device.findings]


X = np.arange(N, dtype=np.float32)


def test_launches_compute() -> None:
    device, kernel, (a, b, c) = made()
    device.to_device(a, X)
    scale(device, kernel, a, b)
    scale(device, kernel, b, c)
    assert (fetched(device, c) == 4 * X).all()
    device.settled()
    assert [report.kernel for report in device.reports] == ["scale", "scale"]
    assert device.reports[0].read == {a} and device.reports[0].written == {b}


def test_a_kernel_that_comes_too_early_is_found() -> None:
    device, kernel, (a, b, c) = made()
    device.to_device(a, X)
    scale(device, kernel, b, c)
    scale(device, kernel, a, b)
    (found,) = device.findings
    assert (found.kind, found.array, found.offset, found.times) == ("unwritten read", "b", 0, N)
    with pytest.raises(AssertionError, match="unwritten read: b at byte 0"):
        device.settled()


def test_results_that_nobody_computed_are_found_on_the_way_out() -> None:
    device, kernel, (a, b, _) = made()
    device.to_device(a, X)
    scale(device, kernel, a, b, n=N - 1)
    fetched(device, b)
    (found,) = device.findings
    assert (found.kind, found.array, found.instruction) == ("unwritten read", "b", "copy to the host")


def test_one_element_too_many_is_found() -> None:
    device, kernel, (a, b, _) = made()
    device.to_device(a, X)
    scale(device, kernel, a, b, n=N + 1)
    assert [(f.kind, f.array, f.offset) for f in device.findings] == [
        ("wrong address", "a", 4 * N),
        ("wrong address", "b", 4 * N),
    ]


def test_freed_memory_is_gone() -> None:
    device, kernel, (a, b, _) = made()
    device.to_device(a, X)
    device.free(a)
    scale(device, kernel, a, b)
    assert kinds(device) == ["wrong address"]
    assert "given back before" in device.findings[0].detail
    with pytest.raises(DeviceError):
        device.to_device(a, X)
    with pytest.raises(DeviceError):
        device.free(b + 4)


def test_streams_have_no_order_between_them() -> None:
    device, kernel, (a, b, c) = made()
    other = device.new_stream()
    device.to_device(a, X)
    device.synchronize()
    scale(device, kernel, a, b)
    scale(device, kernel, b, c, stream=other)
    (found,) = device.findings
    assert (found.kind, found.array) == ("launch order", "b")
    assert found.detail == "no order with scale in stream 0"


def test_reading_at_the_same_time_is_no_race_but_writing_is() -> None:
    device, kernel, (a, b, c) = made()
    other = device.new_stream()
    device.to_device(a, X)
    device.synchronize()
    scale(device, kernel, a, b)
    scale(device, kernel, a, c, stream=other)
    device.settled()
    device.fill(a, 0, 4 * N, stream=other)
    assert kinds(device) == ["launch order"]


@pytest.mark.parametrize("how", ["event", "synchronize", "host"])
def test_events_and_waiting_order_streams(how: str) -> None:
    device, kernel, (a, b, c) = made()
    other = device.new_stream()
    device.to_device(a, X)
    scale(device, kernel, a, b)
    if how == "event":
        device.wait(other, device.record(0))
    elif how == "synchronize":
        device.synchronize()
    else:
        fetched(device, b)
    scale(device, kernel, b, c, stream=other)
    device.settled()


def test_an_event_orders_only_what_came_before_it() -> None:
    device, kernel, (a, b, c) = made()
    other = device.new_stream()
    device.to_device(a, X)
    event = device.record(0)
    scale(device, kernel, a, b)
    device.wait(other, event)
    scale(device, kernel, b, c, stream=other)
    assert kinds(device) == ["launch order"]


def test_graphs_replay_with_what_memory_holds_then() -> None:
    device, kernel, (a, b, c) = made()
    with device.capture(0) as graph:
        scale(device, kernel, a, b)
        scale(device, kernel, b, c)
        device.copy(a, c, 4 * N)
    assert not device.reports
    device.to_device(a, X)
    for _ in range(3):
        device.replay(graph)
    assert (fetched(device, a) == X * 4**3).all()
    device.settled()
    assert len(device.reports) == 6


def test_graphs_of_two_streams_fork_and_join() -> None:
    device, kernel, (a, b, c) = made()
    other = device.new_stream()
    with device.capture(0) as graph:
        device.fill(a, 0, 4 * N)
        device.wait(other, device.record(0))
        scale(device, kernel, a, b, stream=other)
        scale(device, kernel, a, c)
        device.wait(0, device.record(other))
    device.replay(graph)
    device.replay(graph)
    device.settled()
    with device.capture(0) as loose:
        device.wait(other, device.record(0))
        scale(device, kernel, a, b, stream=other)
    with pytest.raises(DeviceError, match="not waited for"):
        device.replay(loose)


def test_what_a_capture_forbids() -> None:
    device, _, (a, _, _) = made()
    with device.capture(0):
        for forbidden in (
            lambda: device.allocate(4),
            lambda: device.free(a),
            lambda: device.synchronize(),
            lambda: fetched(device, a),
        ):
            with pytest.raises(DeviceError, match="captured"):
                forbidden()


def test_modules_and_kernels_that_do_not_fit_are_refused() -> None:
    device, kernel, (a, b, _) = made()
    with pytest.raises(DeviceError, match="sm_80"):
        device.load(SCALE.replace("sm_90", "sm_80"))
    with pytest.raises(DeviceError, match="there are scale"):
        device.function(kernel.module, "other")
    with pytest.raises(DeviceError, match="2 arguments for 4"):
        device.launch(kernel, 1, 32, 0, [a, b])
    with pytest.raises(DeviceError, match="threads a block"):
        device.launch(kernel, 1, 2048, 0, [a, b, np.uint32(1), np.float32(1)])


def test_no_block_is_larger_than_the_kernel_was_made_for() -> None:
    device, _, (a, b, _) = made()
    bounded = device.function(device.load(SCALE.replace(")\n{", ")\n.maxntid 32, 2, 1\n{")), "scale")
    given: list[Scalar] = [a, b, np.uint32(1), np.float32(1)]
    device.launch(bounded, 1, 64, 0, given)
    with pytest.raises(DeviceError, match="96 threads a block, and scale was made for 64"):
        device.launch(bounded, 1, 96, 0, given)
    with pytest.raises(PtxError, match="directive .reqntid"):
        device.load(SCALE.replace(")\n{", ")\n.reqntid 32, 1, 1\n{"))
