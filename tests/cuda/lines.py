"""Which line of the source an instruction of PTX comes from, although that PTX tells no lines.

Enters: a finding, which has the PTX it is about. Leaves: the same with the line of the generated kernel, and
with the equation above that line. PTX that is run is the one that devices get, which is compiled without
lines (the compiler refuses some kernels with them); so the kernel is compiled once more with them, and both
lists of instructions are aligned. They differ little, and nothing is compiled where nothing is found.

Functions that are taken into a kernel bring the lines of their own files, which nothing tells from the
kernel's. So that kernel is compiled as if it stood far down in its file. What such a function does is said to
come behind the last line of the kernel's own.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from types import FunctionType
from typing import Any

from tests.cuda.ptx.findings import Finding, equation_of
from tests.cuda.ptx.launch import loaded, short
from tests.cuda.ptx.syntax import Instruction, Place
from tests.cuda.ptx.types import PtxError
from tests.cuda.toolchain import compiled

_DOWN = 100_000
"""How far down: more lines than any file has."""
_LETTERS = {"d": "float64", "f": "float32", "i": "int32", "j": "uint32", "m": "uint64", "x": "int64"}
_NESTED = re.compile(r"B?(\d+)")


@dataclass(frozen=True)
class Entry:
    """What the name of a kernel in PTX says: its function's module and name, and types of its arguments."""

    module: str
    name: str
    kinds: tuple[str, ...]


def entry_of(mangled: str) -> Entry:
    """Read a name that numba-cuda made; `PtxError` if it is another one."""
    words, tagged, kinds = [], False, []
    rest = mangled.removeprefix("_ZN")
    while (found := _NESTED.match(rest)) and rest != mangled:
        tagged = found[0].startswith("B")
        end = found.end() + int(found[1])
        words += [] if tagged else [rest[found.end() : end]]
        rest = rest[end:]
    if not words or not rest.startswith("E"):
        raise PtxError(f"{mangled} is no name of numba-cuda's")
    rest = rest[1:]
    while rest:
        found = _NESTED.match(rest)
        end = found.end() + int(found[1]) if found else 1
        text = rest[found.end() : end] if found else _LETTERS.get(rest[0], "")
        kinds.append(text.replace("_2a", "*"))
        rest = rest[end:]
    return Entry(".".join(words[:-1]), words[-1], tuple(kinds))


def located(finding: Finding) -> Finding:
    """Return a finding with the line of the source; as it is, if that is not to be had."""
    text = finding.text
    if finding.place.source or not text:
        return finding
    for name, function in loaded(text).functions.items():
        lines = [instruction.place.line for instruction in function.body]
        if short(name) != finding.kernel or finding.place.line not in lines:
            continue
        line = _lines(text, name)[lines.index(finding.place.line)]
        if line.number:
            where = Place(finding.place.line, line.file, line.number)
            equation = equation_of(where) or finding.equation
            return replace(finding, place=where, equation=equation, called=line.called)
    return finding


@dataclass(frozen=True)
class Line:
    """A line of a kernel; if `called`, what comes from there is in a function that is called behind it."""

    file: str = ""
    number: int = 0
    called: bool = False


@lru_cache(maxsize=64)
def _lines(text: str, name: str) -> tuple[Line, ...]:
    """Return for each instruction of a kernel the line that its like has in PTX with lines."""
    kernel = loaded(text).functions[name]
    try:
        entry = entry_of(name)
        function = function_of(entry)
        other = _with_lines(function, entry.kinds, loaded(text).target, kernel.threads)
    except PtxError:
        return (Line(),) * len(kernel.body)
    first = function.__code__.co_firstlineno
    return tuple(aligned(kernel.body, other, list(own_lines(other, first))))


def function_of(entry: Entry) -> FunctionType:
    """Return the function that a kernel was compiled from; `PtxError` if it is not a module's."""
    function = getattr(sys.modules.get(entry.module), entry.name, None)
    if not isinstance(function, FunctionType):
        raise PtxError(f"there is no function {entry.name} in {entry.module}")
    return function


def _with_lines(
    function: FunctionType, names: Sequence[str], architecture: str, threads: int
) -> Sequence[Instruction]:
    """Return the instructions of a kernel that is compiled with lines, all of them `_DOWN`."""
    import numba.types
    from numba.cuda.cudadrv.error import NvvmError

    known: Any = numba.types
    kinds = [
        known.CPointer(getattr(known, k.removesuffix("*"))) if k.endswith("*") else getattr(known, k)
        for k in names
    ]
    code = function.__code__
    down = code.replace(co_firstlineno=code.co_firstlineno + _DOWN)
    function = FunctionType(down, function.__globals__, function.__name__)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # there is no such text: Numba takes the line below for its beginning
            text = compiled(function, kinds, architecture=architecture, threads=threads)
    except NvvmError as error:  # which refuses lines of some kernels
        raise PtxError(str(error)) from error
    (name,) = loaded(text).entries
    return loaded(text).functions[name].body


def own_lines(body: Sequence[Instruction], first: int) -> Iterator[Line]:
    """Yield for each instruction its line of the kernel that begins in line `first`."""
    line = Line()
    for instruction in body:
        file, number = instruction.place.file, instruction.place.source - _DOWN
        own = number > first + 1  # functions of others are said to begin there, at the earliest
        line = Line(file, number) if own else replace(line, called=True)
        yield line


def aligned(
    body: Sequence[Instruction], other: Sequence[Instruction], lines: Sequence[Line]
) -> Iterator[Line]:
    """Yield for each instruction the line of its like in another list; of the last one before it, if none."""
    ours, theirs = ([instruction.name for instruction in each] for each in (body, other))
    line = Line()
    matches = iter(SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks())
    match = next(matches)
    for at in range(len(body)):
        while at >= match.a + match.size and match.size:
            match = next(matches)
        if match.a <= at < match.a + match.size:
            line = lines[match.b + at - match.a]
        yield line
