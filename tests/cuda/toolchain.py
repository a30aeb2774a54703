"""NVIDIA's compilers, which need no device: Python to PTX (numba-cuda), PTX to machine code (ptxas).

They come with the extra ``cuda-test``; tests that need them carry `needs_compiler` and are skipped elsewhere.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ARCHITECTURES = ("sm_80", "sm_90")


@cache
def assembler() -> Path | None:
    """Return where ptxas lies, if it is installed."""
    nvidia = find_spec("nvidia")
    places = [] if nvidia is None else list(nvidia.submodule_search_locations or ())
    return next((file for place in places for file in Path(place).glob("*/bin/ptxas")), None)


needs_compiler = pytest.mark.skipif(
    find_spec("numba_cuda") is None or assembler() is None,
    reason="numba-cuda or ptxas is not installed: pip install 'symdl[cuda-test]'",
)


def compiled(
    function: Callable[..., None],
    signature: Sequence[Any],
    *,
    architecture: str = "sm_90",
    fastmath: bool = False,
    threads: int = 0,
) -> str:
    """Return the PTX of a kernel for arguments of Numba's types; lines lead back to its source.

    A block has at most `threads`, where that is given.
    """
    import numba.cuda

    compiler: Any = numba.cuda

    digits = architecture.removeprefix("sm_")
    text, _ = compiler.compile(
        function,
        tuple(signature),
        device=False,
        abi="numba",
        cc=(int(digits[:-1]), int(digits[-1])),
        output="ptx",
        lineinfo=True,
        launch_bounds=threads or None,
        fastmath=fastmath,
    )
    return str(text)


@dataclass(frozen=True)
class Assembled:
    """What ptxas says of one kernel; `spills` are bytes stored and loaded, `stack` those of local memory."""

    kernel: str
    architecture: str
    registers: int
    spills: int
    stack: int
    shared: int
    barriers: int


def assembled(text: str, architecture: str = "sm_90") -> tuple[Assembled, ...]:
    """Assemble PTX; return what each kernel takes. A `ValueError` has ptxas' words where it refuses."""
    program = assembler()
    if program is None:
        raise FileNotFoundError("ptxas")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(text, "utf-8")
        done = subprocess.run(
            [program, f"-arch={architecture}", "-v", source, "-o", Path(folder) / "kernel.cubin"],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise ValueError(done.stdout + done.stderr)
    return tuple(_kernels(done.stdout + done.stderr, architecture))


def _kernels(said: str, architecture: str) -> list[Assembled]:
    found = []
    for part in re.split(r"Compiling entry function ", said)[1:]:
        name = part.split("'")[1]
        frame = re.search(rf"Function properties for {re.escape(name)}\s*\n(.*)", part)
        numbers = frame[1] if frame else ""
        found.append(
            Assembled(
                name,
                architecture,
                _number(r"Used (\d+) registers", part),
                _number(r"(\d+) bytes spill stores", numbers) + _number(r"(\d+) bytes spill loads", numbers),
                _number(r"(\d+) bytes stack frame", numbers),
                _number(r"(\d+) bytes smem", part),
                _number(r"used (\d+) barriers", part),
            )
        )
    return found


def _number(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    return int(match[1]) if match else 0


def float64_instructions(text: str) -> list[str]:
    """Return the instructions of PTX that compute or convert float64; moves and loads count, too."""
    lines = (line.partition("//")[0].strip() for line in text.splitlines())
    return [line for line in lines if not line.startswith(".") and re.search(r"\.f64(x2)?\b", line)]


def assert_no_float64(text: str) -> None:
    found = float64_instructions(text)
    assert not found, "float64 in a float32 kernel:\n" + "\n".join(found)
