"""Machine code is kept on disk, and a second process links it without Numba."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.run.cpu.cache import keys, processes
from symdl.run.cpu.cache import objects as machine
from symdl.run.pruning import MARK

SCRIPT = """
import sys
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.run.compile import compile
y = tensor("X", (Dim("n"), 3)) @ parameter("W", (3, 20)) * 2
f = compile((y**2).sum(), wrt="parameters", dtype="float32")  # whose product no order of sums leaves out
value, slopes = f(X=[[1, 2, 3], [4, 5, 6]], W=[[1] * 20] * 3)
print(value, slopes["W"][:, 7], "numba" in sys.modules, "scipy.linalg" in sys.modules)
"""

SOURCE = """
import numpy as np
from numba import njit, types

from symdl.run.cpu.intrinsics.frames import vector_at
from symdl.run.cpu.intrinsics.pointers import OPTIONS

integers = types.CPointer(types.int64)


@njit(types.int64(integers), **OPTIONS)
def double_entry(frame):
    return 2 * vector_at(frame, 0)[frame[2]]


entries = [double_entry]
"""

HEAD, _, _REST = SOURCE.partition("\n\n@njit")


def kernel(number: int) -> str:
    """A function of a module that has several."""
    text = f"@njit{_REST}".partition("\n\n\nentries")[0]
    return f"\n\n{text}\n".replace("double", f"kernel_{number}").replace("2 *", f"{number + 2} *")


NEEDY = SOURCE.replace("**OPTIONS", "no_cpython_wrapper=True").replace("2 *", "np.ones(2).sum() *")


def run(folder: Path) -> str:
    environment = {**os.environ, "SYMDL_CACHE": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def codes_of(sources: list[Path]) -> set[Path]:
    """Where the machine code of generated modules is kept."""
    found = [(path.parent, keys.keys_of(path.read_text("utf-8"), path.parent)) for path in sources]
    return {key.path(folder) for folder, parts in found for _, key in parts}


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    assert run(folder) == "20880.0 [528. 696. 864.] True True"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    sources, codes = sorted(folder.glob("*.py")), sorted(folder.glob("*.code"))
    assert len(sources) == 1
    own = codes_of(sources)
    # the loop that calls kernels, the operation that multiplies, and its micro-kernels
    assert own < set(codes) and len(codes) == len(own) + 3
    listings = list(folder.glob("*.parts"))
    assert run(folder) == "20880.0 [528. 696. 864.] False False"
    assert sorted(folder.iterdir()) == sorted([*sources, *codes, *listings, folder / MARK])


def test_programs_share_the_machine_code_of_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is in their modules, and whatever number it has there."""
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    n, m = sd.Dim("n"), sd.Dim("m")
    X, Y, Z = sd.tensor("X", (n, 7)), sd.tensor("Y", (m, 7)), sd.tensor("Z", (n, 3))
    first, other = sd.softmax(X), sd.cumsum(Z, axis=1)
    sd.compile(first)(X=np.ones((2, 7)))
    one = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.code")}
    before = set(codes_of(list(tmp_path.glob("*.py"))))
    both = sd.compile([other, sd.softmax(Y)])
    values = both(Y=np.ones((2, 7)), Z=np.ones((2, 3)))
    np.testing.assert_array_equal(values[1], np.full((2, 7), 1 / 7))
    (text,) = [path for path in tmp_path.glob("*.py") if "(Y" in path.read_text()]
    assert len(codes_of([text])) == 2 and codes_of([text]) & before
    assert {path: path.stat().st_mtime_ns for path in one} == one


@pytest.mark.parametrize("python", [sys.executable, "/bin/false", "/nowhere"])
def test_kernels_are_compiled_by_several_processes(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others fail, or there are none, this process does the work of all."""
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    monkeypatch.setenv("SYMDL_COMPILE_PROCESSES", "2")
    monkeypatch.setattr(processes, "WORTH", 2)
    monkeypatch.setattr(spawn, "get_executable", lambda: python)
    made: list[str] = []
    compiled = machine._made

    def here(source: str, where: Path) -> list[machine.Function]:
        made.append(source)
        return compiled(source, where)

    monkeypatch.setattr(machine, "_made", here)
    kernels = "".join(kernel(k) for k in range(4))
    listed = ", ".join(f"kernel_{k}_entry" for k in range(4))
    call = machine.load(f"{HEAD}{kernels}\n\nentries = [{listed}]\n").call
    for k in range(4):
        assert call(f"kernel_{k}", np.array([3, 4, 5]), 1)() == (k + 2) * 4
    assert len(made) == (2 if python == sys.executable else 4)
    assert len(list(tmp_path.glob("*.code"))) == 4


@given(st.lists(st.integers(1, 100), min_size=2), st.integers(2, 8))
def test_shares_hold_everything_and_are_about_equal(sizes: list[int], count: int) -> None:
    names = [str(k) for k in range(len(sizes))]
    found = processes.shares(names, sizes, count)
    assert len(found) == count and sorted(name for share in found for name in share) == sorted(names)
    sums = [sum(sizes[int(name)] for name in share) for share in found]
    assert max(sums) - min(sums) <= max(sizes)


@pytest.mark.parametrize(("asked", "count"), [("1", 1), ("3", 3), ("0", 0)])
def test_the_number_of_processes_can_be_chosen(
    asked: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMDL_COMPILE_PROCESSES", asked)
    assert processes.allowed() == count
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert processes.allowed() == 1  # a program without a Python that could be started


def test_a_call_gets_arrays_and_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    call = machine.load(SOURCE).call("double", np.array([3, 4, 5]), 1)
    assert (call(), call()) == (8, 8)
    assert len(list(tmp_path.glob("*.code"))) == 1


def test_a_damaged_file_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, damage in (("short", lambda d: d[:-1]), ("changed", lambda d: d[:90] + b"?" + d[91:])):
        folder = tmp_path / name
        monkeypatch.setenv("SYMDL_CACHE", str(folder))
        machine.load(SOURCE)
        (file,) = folder.glob("*.code")
        whole = file.read_bytes()
        file.write_bytes(damage(whole))
        ((_, key),) = keys.keys_of(SOURCE, folder)
        assert key.path(folder) == file and machine._read(file, key) is None
        again = machine._load.__wrapped__(SOURCE, folder)
        assert again.call("double", np.array([3, 4, 5]), 1)() == 8
        assert machine._read(file, key) is not None


def test_code_that_needs_numba_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    assert machine.load(NEEDY).call("double", np.array([3, 4, 5]), 2)() == 10
    assert not list(tmp_path.glob("*.code"))


def test_what_kernels_are_made_of_needs_no_numba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    A = sd.tensor("A", (3, 3))
    functions = (sp.loggamma, sp.erfc, sp.tan, sp.acosh, sp.floor)
    outputs: list[Any] = [sd.det(A), sd.logdet(A), sd.inv(A), A**1.5]
    sd.compile([*outputs, *(sd.elementwise(f, A + 2) for f in functions)])(A=np.eye(3))
    texts = list(tmp_path.glob("*.py"))
    assert texts and codes_of(texts) <= set(tmp_path.glob("*.code"))


def test_another_processor_or_setting_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys.processor()
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert keys.processor() != before


def test_a_status_is_an_error() -> None:
    failing = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3)(lambda *_: 1)
    address = ctypes.cast(failing, ctypes.c_void_p).value
    assert address is not None
    with pytest.raises(sd.SymdlError, match="loop failed"):
        machine.Machine({"loop_entry": address}, failing).call("loop")()
