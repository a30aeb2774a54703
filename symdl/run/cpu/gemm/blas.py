"""Where BLAS and LAPACK are, and how many threads they use.

Enters: a dtype, or the name of a routine. Leaves: addresses. They are passed at run time, or when machine
code is linked, so that it can be kept on disk. Where systems look into the libraries that a library is linked
with (Linux), functions are found through SciPy's file, without an import. Elsewhere SciPy is imported: its
Cython modules say where they found each routine, and threadpoolctl knows the library.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

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
    try:
        offered = _offered("cython_blas" if name[1:] == "gemm" else "cython_lapack")
        return _inside_capsule(offered[name])
    except (ImportError, LookupError) as error:
        cure = "install a SciPy with BLAS and LAPACK"
        raise CompileError(f"SciPy offers no {name}: {error}", cure=cure) from error


def _offered(module: str) -> dict[str, Any]:
    """Return the routines that one of SciPy's Cython modules offers to others, each in a capsule."""
    found: dict[str, Any] = importlib.import_module(f"scipy.linalg.{module}").__pyx_capi__
    return found


def _inside_capsule(capsule: Any) -> int:
    """Return the address in a capsule, which is named by the signature of what is there."""
    interface: Any = ctypes.pythonapi
    name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", interface))
    place = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", interface)
    )
    return int(place(capsule, name(capsule)))


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
    """Return how to ask for and to set the number of threads of SciPy's BLAS, if somebody knows."""
    library = _library()
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
            choose = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
            if get is not None and choose is not None:
                return get, choose
    return _known_controls()


def _known_controls() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return these controls as threadpoolctl finds them, which looks at all libraries of the process.

    It is asked when SciPy has been imported. Where there are several libraries, that one is taken that came
    with SciPy.
    """
    try:
        importlib.import_module("scipy.linalg.cython_blas")
    except ImportError:
        return None
    import threadpoolctl  # where it is needed: on Linux, OpenBLAS is found without

    found = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
    if not found:
        return None
    library = max(found, key=lambda each: "scipy" in str(each.filepath))
    return (lambda: library.get_num_threads() or 1), library.set_num_threads
