"""What is asked of NVIDIA's driver, in which order: its stand-in notes calls and says yes."""

from __future__ import annotations

import ctypes
import gc
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from symdl.run.cuda import connection
from symdl.run.cuda.driver import HardwareDevice
from symdl.run.cuda.memory import Allocator
from tests.cuda.device import SimulatedDevice


class Api:
    """A driver whose functions return a code and a handle; `calls` are their names in order."""

    CUdevice_attribute: Any
    CUevent_flags = SimpleNamespace(CU_EVENT_DISABLE_TIMING=2)
    CUjitInputType = SimpleNamespace(CU_JIT_INPUT_PTX=1)
    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL=1)
    CUstream_flags = SimpleNamespace(CU_STREAM_NON_BLOCKING=1)

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.given: list[tuple[Any, ...]] = []
        self.results: dict[str, tuple[Any, ...]] = {}
        names = ("COMPUTE_CAPABILITY_MAJOR", "COMPUTE_CAPABILITY_MINOR", "MULTIPROCESSOR_COUNT")
        kinds = {f"CU_DEVICE_ATTRIBUTE_{name}": at for at, name in enumerate(names)}
        self.CUdevice_attribute = SimpleNamespace(**kinds)

    def __getattr__(self, name: str) -> Any:
        def function(*arguments: Any) -> tuple[Any, ...]:
            if name not in ("cuCtxSetCurrent", "cuGetErrorString"):
                self.calls.append(name)
                self.given.append(arguments)
            return self.results.get(name, (0, len(self.calls)))

        function.__name__ = name
        return function


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    monkeypatch.setattr(connection, "require_compiler", lambda: None)
    monkeypatch.setattr(connection, "import_module", lambda name: made)
    return made


def test_a_graph_is_captured_replayed_and_destroyed(api: Api) -> None:
    device = HardwareDevice()
    api.calls.clear()
    with device.capture(0) as graph:
        device.launch("kernel", 1, 32, 0, [1, np.float32(2)])
    device.replay(graph)
    captured = ["cuStreamBeginCapture", "cuLaunchKernel", "cuStreamEndCapture", "cuGraphInstantiate"]
    assert api.calls == [*captured, "cuGraphLaunch"]
    del graph
    gc.collect()
    assert sorted(api.calls[-2:]) == ["cuGraphDestroy", "cuGraphExecDestroy"]


def test_a_graph_of_many_steps_has_one_behind_the_other(api: Api) -> None:
    device = HardwareDevice()
    with device.capture(0) as graph:
        device.launch("kernel", 1, 32, 0, [1])
    api.calls.clear()
    api.given.clear()
    device.repeated(graph, 3)
    assert api.calls[:5] == ["cuGraphCreate", *["cuGraphAddChildGraphNode"] * 3, "cuGraphInstantiate"]
    whole = 1  # what the first call returned
    nodes = api.given[1:4]
    assert nodes == [(whole, before, len(before), graph.nodes) for before in ([], [2], [3])]
    assert api.given[4] == (whole, 0)


def test_the_linker_of_the_driver_makes_machine_code(api: Api) -> None:
    device = HardwareDevice()
    assert device.assembler.startswith("driver ")
    code = ctypes.create_string_buffer(b"\x7fELF\0code", 9)
    api.calls.clear()
    api.given.clear()
    api.results["cuLinkComplete"] = (0, ctypes.addressof(code), 9)
    assert device.assemble(".version 9.0") == b"\x7fELF\0code"
    steps = ["cuLinkCreate", "cuLinkAddData", "cuLinkComplete", "cuLinkDestroy"]
    assert api.calls == steps
    assert api.given[1][2:4] == (b".version 9.0\0", 13)
    api.results["cuLinkComplete"] = (218, 0, 0)  # CUDA_ERROR_INVALID_PTX
    assert device.assemble(".version 99.0") is None
    assert api.calls[-1] == "cuLinkDestroy"
    device.load(b"\x7fELF")
    assert api.given[-1] == (b"\x7fELF",)
    device.load(".version 9.0")
    assert api.given[-1] == (b".version 9.0\0",)


def test_a_capture_ends_where_a_launch_fails(api: Api) -> None:
    device = HardwareDevice()
    with pytest.raises(ZeroDivisionError), device.capture(0):
        _ = 1 / 0
    assert api.calls[-2:] == ["cuStreamEndCapture", "cuGraphDestroy"]


@pytest.mark.parametrize("name", ["launch", "to_device", "to_host", "fill", "replay", "synchronize"])
def test_other_threads_wait_while_a_graph_is_captured(name: str, api: Api) -> None:
    device = HardwareDevice()
    with device.capture(0) as graph:
        pass
    given: dict[str, tuple[Any, ...]] = {
        "launch": ("kernel", 1, 32, 0, []),
        "to_device": (1, np.zeros(1)),
        "to_host": (np.zeros(1), 1),
        "fill": (1, 0, 8),
        "replay": (graph,),
        "synchronize": (),
    }
    other = Thread(target=getattr(device, name), args=given[name])
    with device.capture(0):
        before = len(api.calls)
        other.start()
        other.join(0.05)
        assert other.is_alive() and len(api.calls) == before
    other.join(10)
    assert not other.is_alive()
    assert api.calls.index("cuStreamEndCapture", before) == before


def test_memory_is_given_back_when_the_next_is_asked_for() -> None:
    device = SimulatedDevice()
    allocator = Allocator(device, most=0)
    room = allocator.reserve(8)
    address = room.address
    with device.capture(0):
        del room  # a device that captures takes nothing back
        gc.collect()
    assert device.memory.stores.keys() == {address >> 40}
    other = allocator.reserve(8)
    assert device.memory.stores.keys() == {other.address >> 40} and other.address != address
