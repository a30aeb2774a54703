"""Machine code on disk.

Enters: the source of a generated module, or a `Library` of this package. Leaves: `Machine`: where its
functions are. Numba compiles a kernel once; its machine code is kept on disk for this processor, and found
for all kernels that differ from it by names only, in whatever program. A later process only links it, with
LLVM alone, in a millisecond. Numba is not even imported then: with all that it makes ready, that takes half a
second. A file says of which kernel it is, and for which processor, inside what its checksum covers; one that
says anything else is made again.

Functions are called as those of Numba call each other: ``status = f(result, error, *arguments)``, with the
addresses of where a result and an error belong.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding

from symdl.emit.parts import in_whole, parts
from symdl.errors import CompileError
from symdl.run import modules as disk
from symdl.run import routines
from symdl.run.cpu.cache.foundation import foundation
from symdl.run.cpu.cache.keys import (
    Key,
    Keys,
    check_settings,
    key_of,
    key_of_text,
    keys_of,
    listed_keys,
    processor,
)
from symdl.run.cpu.cache.processes import compile_apart
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
    """The functions of a module, with what keeps their code, and all code that they call, in memory."""

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
    called = routines.called_in(source)  # held before it is linked, and for as long as it may be called
    made = _module(source, where)
    return replace(made, kept=(made.kept, called)) if called else made


def _module(source: str, where: Path) -> Machine:
    keys = listed_keys(source, where)
    codes = [_read(key.path(where), key) for _, key in keys or ()]
    if keys is None or None in codes:
        if not _can_link():
            return _whole(source)
        keys, codes = _parts_of(source, where)
    named = [
        [replace(f, name=in_whole(name, f.name)) for f in code or ()]
        for (name, _), code in zip(keys, codes, strict=True)
    ]
    linked = _linked(named)
    return linked if linked is not None else _whole(source)


def _whole(source: str) -> Machine:
    """Return the functions of a module that this process compiles for itself alone."""
    check_settings(os.environ)
    with disk.loaded(source, foundation()) as module:
        return _in_place(module.entries)


@cache
def _can_link() -> bool:
    """Say whether LLVM links object files here; where it does not, no machine code is kept on disk.

    It is found out with the smallest of functions, before anything is compiled in parts for nothing.
    """
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = binding.parse_assembly("define i32 @nothing(i8*, i8*) {\n  ret i32 0\n}")
    made = binding.Target.from_default_triple().create_target_machine(codemodel="jitdefault", jit=True)
    return _linked([[Function("nothing", "nothing", made.emit_object(module))]]) is not None


def _parts_of(source: str, where: Path) -> tuple[Keys, list[list[Function] | None]]:
    """Return the kernels of a module, those compiled that are not on disk."""
    keys, texts = keys_of(source, where), [part.source for part in parts(source)]
    codes = [_read(key.path(where), key) for _, key in keys]
    missing = [text for text, code in zip(texts, codes, strict=True) if code is None]
    if missing:
        disk.keep(source, foundation())
        compile_apart(missing, lambda text: _made(text, where))
    for at, (text, (_, key)) in enumerate(zip(texts, keys, strict=True)):
        codes[at] = codes[at] or _read(key.path(where), key) or _made(text, where)
    return keys, codes


@cache
def _library(source: Library, where: Path) -> Machine:
    key = key_of_text(source.name, processor())
    known = _read(key.path(where), key)
    linked = _linked([known]) if known is not None else None
    if linked is not None:
        return linked
    check_settings(os.environ)
    entries = source.make()
    functions = [_compiled(entry) for entry in entries]
    linked = _linked([functions])
    if linked is None:  # it needs Numba when it runs, so no other process can have it
        return _in_place(entries)
    disk.write(key.path(where), _packed(functions, key))
    return linked


def _made(source: str, where: Path) -> list[Function]:
    """Compile a part of a module; its machine code is kept if another process can link it."""
    check_settings(os.environ)
    with disk.loaded(source, foundation(), written=False) as module:
        functions = [_compiled(entry) for entry in module.entries]
        vars(module).clear()  # its functions are in circles that nobody else opens
    if _linked([functions]) is not None:
        key = key_of(source)
        disk.write(key.path(where), _packed(functions, key))
    return functions


def compile_given() -> None:
    """Compile the parts that standard input lists: what a process does that `compile_apart` has started."""
    for source in json.load(sys.stdin):
        with suppress(CompileError):
            _made(source, disk.folder())


def _compiled(entry: Any) -> Function:
    """Return what Numba made of a function."""
    (found,) = entry.overloads.values()
    _, _, (code, _) = found.library.serialize_using_object_code()
    return Function(entry.__name__, found.fndesc.llvm_func_name, code)


def _in_place(entries: Sequence[Any]) -> Machine:
    """Return the functions where Numba has put them."""
    addresses, called = {}, []
    for entry in entries:
        (found,) = entry.overloads.values()
        function = _compiled(entry)
        addresses[function.name] = found.library.get_pointer_to_function(function.symbol)
        called += [machine for _, _, machine in _called(function)]
    return Machine(addresses, (entries, called))


def _linked(parts: Sequence[Sequence[Function]]) -> Machine | None:
    """Return functions linked with what they call, or None if that is not of C, LAPACK or our own.

    Each part is a library of its own: what it has inside may have the names of something else in another one.
    """
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    try:
        linker = binding.create_lljit_compiler(suppress_errors=True)
    except RuntimeError:
        return None
    addresses: dict[str, int] = {}
    libraries, called = [], []
    for number, functions in enumerate(parts):
        builder = binding.JITLibraryBuilder().add_current_process()
        for function in functions:
            builder.add_object_img(function.code).export_symbol(function.symbol)
            for symbol, where, machine in _called(function):
                builder.import_symbol(symbol, where)
                called.append(machine)
        try:
            library = builder.link(linker, f"kernels {number}")
        except RuntimeError:
            return None
        addresses |= {f.name: library[f.symbol] for f in functions}
        libraries.append(library)
    return Machine(addresses, (linker, libraries, called))


def _called(function: Function) -> Iterator[tuple[str, int, Machine | None]]:
    """Yield what machine code calls by a name of ours: the name, where it is, and what keeps it there."""
    for symbol in {found.decode() for found in _NAMED.findall(function.code)}:
        if symbol.startswith(OFFERED):
            machine, name = _offering(symbol[len(OFFERED) :])
            yield symbol, machine.addresses[name], machine
        elif symbol.startswith(routines.LINKED):
            yield symbol, routines.address(symbol[len(routines.LINKED) :]), None
        else:
            yield symbol, routine_address(symbol[len(LINKED) :]), None


OFFERED = "symdl_matrices_"
"""What the names of this package's functions of matrices begin with in machine code."""
_NAMED = re.compile(
    rb"(?:%b[a-z]+|%b(?:float32|float64|int64)_[a-z_]+|%b[A-Za-z0-9_]+)"
    % (LINKED.encode(), OFFERED.encode(), routines.LINKED.encode())
)
"""How machine code names the routines of LAPACK, those functions, and routines, that it calls."""


def offered(symbol: str) -> int:
    """Return the address of a function of matrices for a dtype, such as ``float64_solve``."""
    machine, name = _offering(symbol)
    return machine.addresses[name]


def _offering(symbol: str) -> tuple[Machine, str]:
    """Return what holds a function of matrices, and the name that the function has there."""
    dtype, name = symbol.split("_", 1)

    def make() -> Sequence[Any]:
        from symdl.run.cpu.intrinsics.offered import entries  # with Numba, which takes half a second

        return entries(dtype, name)

    return load(Library(f"{name} of matrices, {dtype}", make)), name


def _packed(functions: Sequence[Function], key: Key) -> bytes:
    """Return the content of a file: what it is, the object files."""
    listing = [[f.name, f.symbol, len(f.code)] for f in functions]
    return disk.sealed({**key.head, "functions": listing}, b"".join(f.code for f in functions))


def _read(path: Path, key: Key) -> list[Function] | None:
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
