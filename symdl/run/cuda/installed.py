"""Whether kernels can be compiled here.

Enters: nothing. Leaves: `require_compiler`. It is asked before anything of the compiler is imported.
"""

from __future__ import annotations

from importlib.util import find_spec

from symdl.errors import CompileError


def require_compiler() -> None:
    """Do nothing if kernels can be compiled here.

    Raises:
        CompileError: numba-cuda is not installed.
    """
    if find_spec("numba_cuda") is None:
        raise CompileError(
            "kernels for CUDA are compiled by numba-cuda, which is not installed",
            cure="pip install 'symdl[cuda]'; .source shows kernels without it",
        )
