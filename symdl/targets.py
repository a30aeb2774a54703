"""The targets: where a name becomes an object.

Enters: a name, or a target. Leaves: the `Target`, which is passed on as an object; nobody below asks for its
name. "Add a target" in CONTRIBUTING.md says what to provide.
"""

from __future__ import annotations

import copyreg
from collections.abc import Mapping

from symdl.emit.cpu.syntax import CPU as CPU_SYNTAX
from symdl.emit.cuda.syntax import CUDA as CUDA_SYNTAX
from symdl.emit.python.syntax import PYTHON as PYTHON_SYNTAX
from symdl.errors import CompileError
from symdl.lower.cpu.lowering import CPU as CPU_LOWERING
from symdl.lower.cuda.lowering import CUDA as CUDA_LOWERING
from symdl.lower.python.lowering import PYTHON as PYTHON_LOWERING
from symdl.run.cpu.runtime import CpuRuntime
from symdl.run.cuda.runtime import CudaRuntime
from symdl.run.python.runtime import PythonRuntime
from symdl.run.runtime import Target

CPU = Target("cpu", CPU_LOWERING, CPU_SYNTAX, CpuRuntime())
"""Code for the processor, compiled by Numba."""
CUDA = Target("cuda", CUDA_LOWERING, CUDA_SYNTAX, CudaRuntime())
"""Code for a graphics processor of NVIDIA's, compiled by numba-cuda."""
PYTHON = Target("python", PYTHON_LOWERING, PYTHON_SYNTAX, PythonRuntime())
"""The same loops without a compiler: slow, to step through and to compare with."""
TARGETS: Mapping[str, Target] = {target.name: target for target in (CPU, CUDA, PYTHON)}
"""The targets by name."""


def find(target: str | Target) -> Target:
    """Return a target.

    Raises:
        CompileError: there is no such target.
    """
    if isinstance(target, Target):
        return target
    if not isinstance(target, str) or target not in TARGETS:
        raise CompileError(f"there is no target {target!r}", cure=f"use one of {', '.join(TARGETS)}")
    return TARGETS[target]


def _by_name(target: Target) -> tuple[object, tuple[str]]:
    return find, (target.name,)


copyreg.pickle(Target, _by_name)  # type: ignore[arg-type]  # what a pickle holds of a target is its name
