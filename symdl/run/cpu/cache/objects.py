"""Machine code on disk.

Enters: the source of a generated module, or a `Library` of this package. Leaves: `Machine`: where its
functions are. Numba compiles it once; the machine code is kept on disk, beside the source, for this
processor, and found for all modules that differ from it by names only. A later process only links it, with
LLVM alone, in a millisecond. Numba is not even imported then: with all that it makes ready, that takes half a
second. A file says of which module it is, and for which processor, inside what its checksum covers; one that
says anything else is made again.

Functions are called as those of Numba call each other: ``status = f(result, error, *arguments)``, with the
addresses of where a result and an error belong.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding

from symdl.emit.canonical import canonical
from symdl.errors import CompileError
from symdl.run import modules as disk
from symdl.run.cpu.cache.foundation import foundation
from symdl.run.cpu.gemm.blas import LINKED, routine_address
from symdl.run.memory import address


@dataclass(frozen=True, slots=True)
class Function:
    """A compiled function: its name, that of its symbol, and the object file that holds it."""

    name: str
    symbol: str
    code: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """The functions of a module, with what keeps their code in memory."""

    addresses: dict[str, int]
    kept: Any

    def call(self, name: str, *arguments: Any, alive: object = None) -> Callable[[], int]:
        """Return a call of ``NAME_entry`` with arrays and numbers, for one thread at a time.

        The function gets one vector: the numbers, and of each array its address and its shape. Arrays have
        elements of 64 bits in one block, and are kept alive; so is `alive`, whose addresses they hold.
        """
        words = [0, 0]  # the result and an error
        for value in arguments:
            if isinstance(value, np.ndarray):
                assert value.flags.c_contiguous and value.itemsize == _WORD
                words += [address(value), *value.shape]
            else:
                words.append(value)
        frame = np.array(words, "int64")
        function: Callable[[int, int, int], int] = _FORM(self.addresses[f"{name}_entry"])
        slots: Any = memoryview(frame)  # type: ignore[arg-type]
        result = address(frame)
        error, given = result + _WORD, result + 2 * _WORD

        def run(*, _alive: Any = (self, arguments, alive)) -> int:
            if function(result, error, given):
                raise CompileError(f"the compiled loop {name} failed", cure="please report this")
            return int(slots[0])

        return run


_WORD = 8
_FORM: Any = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Library:
    """Compiled functions of this package, the same for all programs.

    Attributes:
        name: tells them from others: what they are made for. Together with the files that all compiled code
            is built on (`symdl.run.cpu.cache.foundation`), that is the key of their machine code.
        make: makes the functions, with Numba; called only if their machine code is not on disk.
    """

    name: str
    make: Callable[[], Sequence[Any]] = field(compare=False)


def load(source: str | Library) -> Machine:
    """Return compiled functions, compiled now if they are not on disk.

    Args:
        source: of a generated module, which lists its functions as ``entries``; or a library.

    Raises:
        CompileError: as in `symdl.run.modules.load`.
    """
    return (_library if isinstance(source, Library) else _load)(source, disk.folder())


@lru_cache(maxsize=disk.KEPT)
def _load(source: str, where: Path) -> Machine:
    return _found(source, where)


@cache
def _library(source: Library, where: Path) -> Machine:
    return _found(source, where)  # one for all programs, so there are few


def _found(source: str | Library, where: Path) -> Machine:
    key = _key(source)
    path = where / f"{key['module']}.{key['processor']}.code"
    known = _read(path, key)
    linked = _linked(known) if known is not None else None
    if linked is not None:
        return linked
    if isinstance(source, Library):
        return _kept(source.make(), path, key)
    with disk.loaded(source, foundation()) as module:
        made = module.entries
        machine = _kept(made, path, key)
        if machine.kept is not made:  # the functions of a module are in circles that nobody else opens
            vars(module).clear()
        return machine


def _kept(entries: Sequence[Any], path: Path, key: Mapping[str, str | int]) -> Machine:
    """Write compiled functions to disk and return them."""
    functions = [_compiled(entry) for entry in entries]
    linked = _linked(functions)
    if linked is None:  # it needs Numba when it runs, so no other process can have it
        return _in_place(entries)
    disk.write(path, _packed(functions, key))
    return linked


def _key(source: str | Library) -> dict[str, str | int]:
    """Return what a file of machine code is for: all modules that differ by names only."""
    text = source.name if isinstance(source, Library) else canonical(source)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {
        "format": _FORMAT,
        "module": disk.name_of(text, foundation()),
        "processor": _processor(),
        "source": digest,
    }


_FORMAT = 3
"""The version of a file's form."""


def _processor() -> str:
    """Return a hash of what machine code depends on besides its source: the processor, LLVM, settings."""
    names = [name for name in os.environ if name.startswith("NUMBA_") and name not in _OTHER_SETTINGS]
    chosen = sorted(f"{name}={os.environ[name]}" for name in names)
    version = ".".join(map(str, binding.llvm_version_info))
    parts = [binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten(), version, *chosen]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


_OTHER_SETTINGS = ("NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_CACHE_DIR")
"""Settings of Numba on which no machine code depends."""


def _compiled(entry: Any) -> Function:
    """Return what Numba made of a function."""
    (found,) = entry.overloads.values()
    _, _, (code, _) = found.library.serialize_using_object_code()
    return Function(entry.__name__, found.fndesc.llvm_func_name, code)


def _in_place(entries: Sequence[Any]) -> Machine:
    """Return the functions where Numba has put them."""
    addresses = {}
    for entry in entries:
        (found,) = entry.overloads.values()
        addresses[entry.__name__] = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
    return Machine(addresses, entries)


def _linked(functions: Sequence[Function]) -> Machine | None:
    """Return functions linked with what they call, or None if that is not of C, LAPACK or our own."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    linker = binding.create_lljit_compiler(suppress_errors=True)
    builder = binding.JITLibraryBuilder().add_current_process()
    for function in functions:
        builder.add_object_img(function.code).export_symbol(function.symbol)
        for symbol in {found.decode() for found in _NAMED.findall(function.code)}:
            own = symbol.startswith(OFFERED)
            place = offered(symbol[len(OFFERED) :]) if own else routine_address(symbol[len(LINKED) :])
            builder.import_symbol(symbol, place)
    try:
        library = builder.link(linker, "kernels")
    except RuntimeError:
        return None
    return Machine({f.name: library[f.symbol] for f in functions}, (linker, library))


OFFERED = "symdl_matrices_"
"""What the names of this package's functions of matrices begin with in machine code."""
_NAMED = re.compile(rb"(?:%b[a-z]+|%bfloat(?:32|64)_[a-z_]+)" % (LINKED.encode(), OFFERED.encode()))
"""How machine code names the routines of LAPACK, and those functions, that it calls."""


def offered(symbol: str) -> int:
    """Return the address of a function of matrices for a dtype, such as ``float64_solve``."""
    dtype, name = symbol.split("_", 1)

    def make() -> Sequence[Any]:
        from symdl.run.cpu.intrinsics.factors import entries  # with Numba, which takes half a second

        return entries(dtype, name)

    return load(Library(f"{name} of matrices, {dtype}", make)).addresses[name]


def _packed(functions: Sequence[Function], key: Mapping[str, str | int]) -> bytes:
    """Return the content of a file: what it is, the object files."""
    listing = [[f.name, f.symbol, len(f.code)] for f in functions]
    return disk.sealed({**key, "functions": listing}, b"".join(f.code for f in functions))


def _read(path: Path, key: Mapping[str, str | int]) -> list[Function] | None:
    """Return the functions in a file, or None if it is not just what `_packed` made for this key."""
    data = disk.content(path)
    if data is None:
        return None
    head, code = disk.unsealed(data)
    functions, at = [], 0
    try:
        for name, symbol, length in json.loads(head)["functions"]:
            functions.append(Function(name, symbol, code[at : at + length]))
            at += length
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return functions if _packed(functions, key) == data else None
