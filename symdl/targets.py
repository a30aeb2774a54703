"""The targets: where a name becomes an object.

Enters: a name, or a target. Leaves: the `Target`, which is passed on as an object; nobody below asks for its
name. What a target may be told of how it computes is part of the object (`target`). "Add a target" in
CONTRIBUTING.md says what to provide.
"""

from __future__ import annotations

import copyreg
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from symdl.emit.cpu.syntax import CPU as CPU_SYNTAX
from symdl.emit.cuda.syntax import CUDA as CUDA_SYNTAX
from symdl.emit.python.syntax import PYTHON as PYTHON_SYNTAX
from symdl.errors import CompileError
from symdl.lower.cpu.lowering import CPU as CPU_LOWERING
from symdl.lower.cuda.lowering import CUDA as CUDA_LOWERING
from symdl.lower.cuda.lowering import CUDA_ATOMICS
from symdl.lower.python.lowering import PYTHON as PYTHON_LOWERING
from symdl.run.alone import Exporter
from symdl.run.c99.alone import source_and_header
from symdl.run.cpu.runtime import CpuRuntime
from symdl.run.cuda.runtime import CudaRuntime
from symdl.run.njit.alone import python_file
from symdl.run.python.runtime import PythonRuntime
from symdl.run.runtime import Scatter, Target

CPU = Target("cpu", CPU_LOWERING, CPU_SYNTAX, CpuRuntime())
"""Code for the processor, compiled by Numba."""
CUDA = Target("cuda", CUDA_LOWERING, CUDA_SYNTAX, CudaRuntime(), atomics=CUDA_ATOMICS)
"""Code for a graphics processor of NVIDIA's, compiled by numba-cuda."""
PYTHON = Target("python", PYTHON_LOWERING, PYTHON_SYNTAX, PythonRuntime())
"""The same loops without a compiler: slow, to step through and to compare with."""
TARGETS: Mapping[str, Target] = {target.name: target for target in (CPU, CUDA, PYTHON)}
"""The targets by name."""
EXPORTERS: Mapping[str, Exporter] = {
    ".c": Exporter(source_and_header),
    ".py": Exporter(python_file, tested=True),
}
"""What writes files that stand alone, by their endings."""


def target(name: str | Target, *, scatter: Scatter = "deterministic") -> Target:
    """Return a target with options, to be passed wherever ``target=`` takes a name.

    ``model = sd.Model(L, target=sd.target("cuda", scatter="atomics"))``

    Args:
        name: ``"cpu"``, ``"cuda"`` or ``"python"``, or a target.
        scatter: how sums over given positions are made, such as the gradient of an embedding:
            ``"deterministic"``, or ``"atomics"`` on a target that has them. Threads then add in whatever
            order they come, so **results are not deterministic**: they differ by rounding from call to call.

    Raises:
        CompileError: there is no such target or option, or the target has no atomics.
    """
    if scatter not in get_args(Scatter):
        raise CompileError(f"scatter={scatter!r}", cure="use 'deterministic' or 'atomics'")
    found = find(name)
    if scatter == "deterministic":
        return found
    if found.atomics is None:
        having = ", ".join(name for name, one in TARGETS.items() if one.atomics)
        raise CompileError(
            f"the target {found.name} has no atomics: its sums are the same in every call",
            cure=f"leave scatter out, or take the target {having}",
        )
    return replace(found, lowering=found.atomics)


def find(asked: str | Target) -> Target:
    """Return the target of a name, or the one that is given.

    Raises:
        CompileError: there is no such target.
    """
    if isinstance(asked, Target):
        return asked
    if not isinstance(asked, str) or asked not in TARGETS:
        raise CompileError(f"there is no target {asked!r}", cure=f"use one of {', '.join(TARGETS)}")
    return TARGETS[asked]


def exporter(path: str | os.PathLike[str]) -> Exporter:
    """Return what writes files with the ending of a path.

    Raises:
        CompileError: there are no such files.
    """
    ending = Path(path).suffix
    if ending not in EXPORTERS:
        raise CompileError(
            f"{Path(path).name} has the ending {ending!r}, which says in no language what is to be written",
            cure=f"use one of {', '.join(EXPORTERS)}",
        )
    return EXPORTERS[ending]


def _named(name: str, scatter: Scatter) -> Target:
    return target(name, scatter=scatter)


def _by_name(target: Target) -> tuple[Callable[[str, Scatter], Target], tuple[str, str]]:
    """Return what a pickle holds of a target: its name, and how it makes sums over given positions."""
    return _named, (target.name, "atomics" if target.lowering is target.atomics else "deterministic")


copyreg.pickle(Target, _by_name)
