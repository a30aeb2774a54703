"""Machine code is kept on disk, and a second process links it without Numba."""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.run.cpu.cache import objects as machine

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

NEEDY = SOURCE.replace("**OPTIONS", "no_cpython_wrapper=True").replace("2 *", "np.ones(2).sum() *")


def run(folder: Path) -> str:
    environment = {**os.environ, "SYMDL_CACHE": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def codes_of(sources: list[Path]) -> set[Path]:
    """Where the machine code of generated modules is kept."""
    keys = [(path.parent, machine._key(path.read_text("utf-8"))) for path in sources]
    return {folder / f"{key['module']}.{key['processor']}.code" for folder, key in keys}


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    assert run(folder) == "20880.0 [528. 696. 864.] True True"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    sources, codes = sorted(folder.glob("*.py")), sorted(folder.glob("*.code"))
    assert (len(sources), len(codes)) == (1, 3)  # kernels; the loop that calls them and products have no text
    assert codes_of(sources) < set(codes)
    assert run(folder) == "20880.0 [528. 696. 864.] False False"
    assert sorted(folder.iterdir()) == sorted([*sources, *codes])


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
        assert machine._read(file, machine._key(SOURCE)) is None
        again = machine._load.__wrapped__(SOURCE, folder)
        assert again.call("double", np.array([3, 4, 5]), 1)() == 8
        assert machine._read(file, machine._key(SOURCE)) is not None


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
    before = machine._processor()
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert machine._processor() != before


def test_a_status_is_an_error() -> None:
    failing = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3)(lambda *_: 1)
    address = ctypes.cast(failing, ctypes.c_void_p).value
    assert address is not None
    with pytest.raises(sd.SymdlError, match="loop failed"):
        machine.Machine({"loop_entry": address}, failing).call("loop")()
