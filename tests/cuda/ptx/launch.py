"""One launch of a kernel: PTX, a grid and arguments in; a report, and what the kernel wrote, out.

`run` is the short way, with NumPy arrays for arguments. `launch` works on a `Memory` that is there before
and after, which is what a simulated device needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tests.cuda.ptx.execute import Executor
from tests.cuda.ptx.findings import Finding, Log, generated_source
from tests.cuda.ptx.inline import Program, program_of
from tests.cuda.ptx.memory import GAP, Memory, Spaces, layout_of
from tests.cuda.ptx.parse import parse
from tests.cuda.ptx.registers import Geometry, Wave
from tests.cuda.ptx.stores import Banks
from tests.cuda.ptx.syntax import Module
from tests.cuda.ptx.traffic import Meter, Traffic, Way
from tests.cuda.ptx.types import PtxError

WAVE = 1 << 14
"""About how many threads run at once: registers stay in the cache, and Python's share stays small."""
STEPS = 50_000_000
Size: TypeAlias = int | tuple[int, ...]


@dataclass(frozen=True)
class Report:
    """What one launch did.

    `executed` is the number of instructions, summed over threads; `steps` that of NumPy's operations, about.
    `read` and `written` are the addresses of the arrays that the kernel loaded from and stored to.
    """

    kernel: str
    findings: tuple[Finding, ...]
    executed: int
    steps: int
    read: frozenset[int]
    written: frozenset[int]
    traffic: Mapping[tuple[str, Way], Traffic] = field(default_factory=dict)
    """By array and way, where it was measured."""

    def __str__(self) -> str:
        return (
            "\n".join(map(str, self.findings))
            or f"{self.kernel}: nothing found in {self.executed} instructions"
        )


@dataclass(frozen=True)
class Fresh:
    """An argument of `run`: an array that only comes out; the kernel finds memory that nobody wrote."""

    array: npt.NDArray[Any]


Argument: TypeAlias = "npt.NDArray[Any] | np.generic | Fresh"


@lru_cache(maxsize=256)
def loaded(text: str) -> Module:
    """Parse a module once."""
    return parse(text)


@lru_cache(maxsize=256)
def _program(text: str, entry: str) -> Program:
    return program_of(loaded(text), entry)


def program(text: str, entry: str = "") -> Program:
    """Return the kernel of a name, or the only one."""
    names = loaded(text).entries
    if not entry and len(names) != 1:
        raise PtxError(f"which kernel? there are {', '.join(names) or 'none'}")
    return _program(text, entry or names[0])


def three(size: Size) -> tuple[int, int, int]:
    sizes = (size,) if isinstance(size, int) else tuple(size)
    x, y, z = (*sizes, 1, 1)[:3]
    return x, y, z


def launch(
    program: Program,
    grid: Size,
    block: Size,
    parameters: Sequence[bytes],
    memory: Memory,
    *,
    shared: int = 0,
    symbols: Mapping[str, int] | None = None,
    source: str | None = None,
    limit: int = STEPS,
    measure: bool = False,
) -> Report:
    """Run a kernel on `memory`.

    `parameters` are the bytes of each parameter; `shared` the bytes of dynamic shared memory; `symbols` the
    addresses of the module's global variables (`place_variables`), made if not given; `source` the generated
    module, if its file is not there. With `measure`, the traffic is counted.
    """
    if len(parameters) != len(program.parameters):
        raise PtxError(f"{len(parameters)} parameters for {len(program.parameters)} of {program.entry}")
    given = {}
    for parameter, content in zip(program.parameters, parameters, strict=True):
        if len(content) != parameter.size:
            raise PtxError(f"{len(content)} bytes for {parameter.name}, which has {parameter.size}")
        given[parameter.name] = content
    symbols = place_variables(program, memory) if symbols is None else symbols
    sizes, threads = three(grid), three(block)
    a_block = int(np.prod(threads))
    if not 0 < a_block <= 1024:
        raise PtxError(f"{a_block} threads a block")
    if 0 < program.threads < a_block:
        raise PtxError(f"{a_block} threads a block, and {program.entry} was made for {program.threads}")
    meter = Meter() if measure else None
    log = Log(short(program.entry), a_block, generated_source(program.entry) if source is None else source)
    cell = _narrowest(program)
    for store in memory.stores.values():
        store.start(cell, shared=True)
    blocks, at_once = int(np.prod(sizes)), max(1, WAVE // a_block)
    executed = steps = 0
    for first in range(0, blocks, at_once):
        geometry = Geometry(sizes, threads, first, min(at_once, blocks - first), shared)
        spaces = _spaces(program, memory, geometry, symbols, cell)
        executor = Executor(Wave(program, geometry, spaces, given, log, meter), limit=limit)
        executor.run()
        executed += executor.executed
        steps += executor.steps
    kept = [(number << 40, store) for number, store in memory.stores.items()]
    read = frozenset(address for address, store in kept if store.used)
    written = frozenset(address for address, store in kept if store.changed)
    for store in memory.stores.values():
        store.races = None
    found, traffic = tuple(log.found.values()), {} if meter is None else meter.traffic
    return Report(short(program.entry), found, executed, steps, read, written, traffic)


def short(entry: str) -> str:
    """Return the name a kernel has in Python, from its mangled one."""
    if not entry.startswith("_ZN"):
        return entry
    rest, name = entry[3:], entry
    while rest[:1].isdecimal():
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        length = int(digits)
        name, rest = rest[len(digits) : len(digits) + length], rest[len(digits) + length :]
    return name


def place_variables(program: Program, memory: Memory) -> dict[str, int]:
    """Make the global and constant variables of a module; return their addresses."""
    return {
        variable.name: memory.allocate(variable.size, variable.name, variable.content or bytes(variable.size))
        for variable in program.variables
        if variable.space in ("global", "const")
    }


def _spaces(
    program: Program, memory: Memory, geometry: Geometry, symbols: Mapping[str, int], cell: int
) -> Spaces:
    inside = layout_of(program.variables, "shared")
    inside = [(name, size or geometry.shared, align) for name, size, align in inside]
    shared = Banks("shared memory", geometry.blocks, inside, GAP)
    shared.start(cell, shared=True)
    local = Banks("local memory", geometry.threads, layout_of(program.variables, "local", "param"), GAP)
    return Spaces(memory, shared, local, symbols, geometry.threads_a_block, geometry.threads)


def _narrowest(program: Program) -> int:
    """Return the bytes of the narrowest access to memory that threads share."""
    widths = [
        instruction.type.bytes
        for instruction in program.body
        if instruction.opcode in ("ld", "ldu", "st", "atom", "red")
        and not (set(instruction.modifiers) & {"param", "local"})
    ]
    return min(widths, default=4)


def flattened(argument: npt.NDArray[Any], address: int) -> list[bytes]:
    """Return what numba-cuda passes: owner, parent, count, size of an item, data, shape, strides."""
    words = [0, 0, argument.size, argument.itemsize, address, *argument.shape, *argument.strides]
    return [int(word).to_bytes(8, "little", signed=True) for word in words]


def run(
    text: str,
    grid: Size,
    block: Size,
    arguments: Sequence[Argument],
    *,
    entry: str = "",
    shared: int = 0,
    names: Sequence[str] = (),
    source: str | None = None,
    limit: int = STEPS,
    measure: bool = False,
) -> Report:
    """Run a kernel of `text` on arrays, which hold afterwards what it wrote.

    An array is passed as numba-cuda passes it, or as a pointer where the kernel takes one parameter for each
    argument. `names` of the arguments are for findings. `entry` may stay away if there is one kernel.
    """
    kernel = program(text, entry)
    memory = Memory()
    arrays = [a.array if isinstance(a, Fresh) else a for a in arguments]
    for array in arrays:
        if isinstance(array, np.ndarray) and not array.flags.c_contiguous:
            raise PtxError("arrays must be C-contiguous")
    pointers = len(kernel.parameters) == len(arguments)
    parameters: list[bytes] = []
    placed: list[tuple[npt.NDArray[Any], int]] = []
    for number, (argument, array) in enumerate(zip(arguments, arrays, strict=True)):
        if not isinstance(array, np.ndarray):
            parameters.append(array.tobytes())
            continue
        name = names[number] if names else f"argument {number}"
        address = memory.allocate(
            array.nbytes, name, None if isinstance(argument, Fresh) else array.tobytes()
        )
        placed.append((array, address))
        parameters += [address.to_bytes(8, "little")] if pointers else flattened(array, address)
    report = launch(
        kernel,
        grid,
        block,
        parameters,
        memory,
        shared=shared,
        source=source,
        limit=limit,
        measure=measure,
    )
    for array, address in placed:
        if array.size:
            array.reshape(-1)[:] = np.frombuffer(memory.read(address, array.nbytes), array.dtype)
    return report
