"""Where BLAS and LAPACK are, and how many threads they use.

Enters: a dtype, or the name of a routine. Leaves: addresses. They are passed at run time, or when machine
code is linked, so that it can be kept on disk.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from symdl.errors import CompileError

_PREFIXES = ("scipy_openblas", "openblas")
_SUFFIXES = ("", "64_", "_64")


@cache
def product_address(dtype: str) -> int:
    """Return the address of ``sgemm`` or ``dgemm``.

    Raises:
        CompileError: SciPy does not offer it.
    """
    return routine_address({"float32": "sgemm", "float64": "dgemm"}[dtype])


LINKED = "symdl_lapack_"
"""What the names of LAPACK's routines begin with in machine code."""


@cache
def routine_address(name: str) -> int:
    """Return the address of a routine of BLAS or LAPACK, such as ``dgetrf``; its integers have 32 bits.

    Raises:
        CompileError: SciPy does not offer it.
    """
    library = _library()
    for prefix in ("scipy_", ""):
        found = getattr(library, f"{prefix}{name}_", None)
        if found is not None:
            return int(ctypes.cast(found, ctypes.c_void_p).value or 0)
    from numba.extending import get_cython_function_address

    try:
        module = "cython_blas" if name[1:] == "gemm" else "cython_lapack"
        return int(get_cython_function_address(f"scipy.linalg.{module}", name))
    except (ImportError, ValueError) as error:
        cure = "install a SciPy with BLAS and LAPACK"
        raise CompileError(f"SciPy offers no {name}: {error}", cure=cure) from error


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS to one thread inside the block.

    The matrices of a training step are too small for more to pay, and threads that wait for each other
    make a step a hundred times slower as soon as another program needs a core.
    """
    inside, me = _inside(os.getpid()), object()
    if inside is None:
        yield
        return
    try:
        inside.come(me)
        yield
    finally:
        inside.go(me)


class _Inside:
    """Who wants one thread at present. BLAS has one number for a process, so the last one gives it back."""

    def __init__(self, controls: tuple[Callable[[], int], Callable[[int], None]]) -> None:
        self._get, self._choose = controls
        self._lock, self._calls, self._before = threading.RLock(), set[object](), 1

    def come(self, call: object) -> None:
        with self._lock:
            if not self._calls:
                self._before = self._get()
            self._calls.add(call)
            if self._before != 1:
                self._choose(1)

    def go(self, call: object) -> None:
        with self._lock:
            self._calls.discard(call)
            if not self._calls and self._before != 1:
                self._choose(self._before)


@cache
def _inside(_process: int) -> _Inside | None:
    """Return the counter of a process: a child that was forked inside a call counts anew."""
    controls = _controls()
    return _Inside(controls) if controls is not None else None


def on_one_thread(run: Callable[[], int]) -> int:
    """Return ``run()``, with one thread for BLAS: `one_thread` for a call that may be short."""
    controls = _controls()
    if controls is None or controls[0]() == 1:
        return run()
    with one_thread():
        return run()


@cache
def _library() -> ctypes.CDLL | None:
    """Return the file in SciPy that is linked with BLAS, whose functions are found through it.

    It is not imported: that would bring all of `scipy.linalg`, which takes a tenth of a second.
    """
    package = importlib.util.find_spec("scipy")
    folders = package.submodule_search_locations if package is not None else None
    if not folders:
        return None
    found = PathFinder.find_spec("cython_blas", [str(Path(folder) / "linalg") for folder in folders])
    try:
        return ctypes.CDLL(found.origin) if found is not None and found.origin else None
    except OSError:
        return None


@cache
def _controls() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return how to ask for and to set the number of threads of SciPy's OpenBLAS, if it is that."""
    library = _library()
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
            choose = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
            if get is not None and choose is not None:
                return get, choose
    return None
