"""The registers of one wave of threads, and operands bound to them.

A wave is a number of whole blocks that run at once. A register is an array over its threads; an instruction
is bound once, to views of the arrays it reads and writes, and then executed for all threads or some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tests.cuda.ptx.findings import Log
from tests.cuda.ptx.inline import Program
from tests.cuda.ptx.memory import WINDOWS, Piece, Spaces
from tests.cuda.ptx.races import WARP, Clock
from tests.cuda.ptx.stores import Access
from tests.cuda.ptx.syntax import Address, Immediate, Instruction, Name, Operand, Register
from tests.cuda.ptx.traffic import Meter, Way
from tests.cuda.ptx.types import U32, U64, Array, Ids, PtxType

At: TypeAlias = slice | Ids
Source: TypeAlias = Callable[[At], Array]
Target: TypeAlias = Callable[[At, Array], None]
EVERYONE = slice(None)


@dataclass(frozen=True)
class Active:
    """The threads that execute an instruction: their numbers in the wave, and how to index registers."""

    ids: Ids
    at: At

    def where(self, mask: npt.NDArray[np.bool_]) -> Active:
        ids = self.ids[mask]
        return Active(ids, ids)


Step: TypeAlias = Callable[[Active], None]


@dataclass(frozen=True)
class Geometry:
    """A grid of blocks, and which blocks of it are in the wave: `blocks` from `first` on."""

    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    first: int
    blocks: int
    shared: int = 0

    @property
    def threads_a_block(self) -> int:
        return self.block[0] * self.block[1] * self.block[2]

    @property
    def threads(self) -> int:
        return self.blocks * self.threads_a_block


class Wave:
    """Registers, memory and clock of some blocks; binds operands for `operations`."""

    def __init__(
        self,
        program: Program,
        geometry: Geometry,
        spaces: Spaces,
        parameters: dict[str, bytes],
        log: Log,
        meter: Meter | None = None,
    ) -> None:
        self.program, self.geometry, self.spaces, self.log = program, geometry, spaces, log
        self.parameters = parameters
        count = geometry.threads
        self.count = count
        self.everyone = Active(np.arange(count, dtype=np.int64), EVERYONE)
        self.clock = Clock(
            geometry.first * geometry.threads_a_block,
            geometry.threads_a_block,
            np.zeros(count, np.int32),
            np.zeros(count, np.int32),
            any(i.opcode == "bar" and i.has("warp") for i in program.body),
        )
        self.registers: dict[str, Array] = {}
        self.meter = meter
        self.special = special_registers(geometry)
        self.carry = np.zeros(count, np.bool_)
        self.ended = np.zeros(count, np.bool_)

    @cached_property
    def lane(self) -> Ids:
        """The lane of each thread in its warp."""
        return np.arange(self.count, dtype=np.int64) % self.geometry.threads_a_block % WARP

    @cached_property
    def warp_start(self) -> Ids:
        """The first thread of each thread's warp."""
        return np.arange(self.count, dtype=np.int64) - self.lane

    def metered(self, way: Way, pieces: Sequence[Piece], ids: Ids, size: int) -> None:
        """Count the traffic of an instruction, where that is asked for."""
        if self.meter is None:
            return
        for piece in pieces:
            who = ids if piece.chosen is None else ids[piece.chosen]
            shared = piece.store is self.spaces.shared
            if piece.store is not self.spaces.local:
                warps = self.warp_start[who]
                positions = piece.positions % self.spaces.shared.stride if shared else piece.positions
                self.meter.note(piece.store.name, way, positions, warps, self.lane[who], size, shared=shared)

    def access(self, instruction: Instruction) -> Access:
        return Access(instruction, self.log, self.clock)

    def register(self, name: str, instruction: Instruction) -> Array:
        """Return the array of a register, made when first asked for."""
        if name not in self.registers:
            if name in self.special:
                return self.special[name]
            of = self.program.registers.get(name)
            if of is None:
                raise instruction.error(f"register {name} is not known")
            self.registers[name] = np.zeros(self.count, of.storage)
        return self.registers[name]

    def source(self, operand: Operand, of: PtxType, instruction: Instruction) -> Source:
        """Return a function that gives an operand's values, read as `of`, for threads."""
        if isinstance(operand, Register):
            return self._register_source(operand, of, instruction)
        if isinstance(operand, Immediate):
            value = constant(operand, of)
            return lambda at: value
        if isinstance(operand, Name):
            address = np.uint64(self.spaces.address_of(operand.name)[1] + operand.offset).astype(of.dtype)
            return lambda at: address
        raise instruction.error(f"{operand} is no value")

    def _register_source(self, operand: Register, of: PtxType, instruction: Instruction) -> Source:
        array = self.register(operand.name, instruction)
        if array.ndim == 0:
            scalar = array.astype(of.storage).view(of.dtype)[()]
            return lambda at: scalar
        if of.kind == "pred" or array.dtype == np.bool_:
            if of.kind != "pred" or array.dtype != np.bool_:
                raise instruction.error(f"{operand} is read as {of}")
            return (lambda at: ~array[at]) if operand.negated else array.__getitem__
        if array.dtype.itemsize == of.bytes:
            return array.view(of.dtype).__getitem__
        if array.dtype.itemsize > of.bytes:
            return lambda at: array[at].astype(of.storage).view(of.dtype)
        raise instruction.error(f"{operand} is too narrow for {of}")

    def target(self, operand: Operand, of: PtxType, instruction: Instruction) -> Target:
        """Return a function that sets a register, for threads, to values of type `of`."""
        if not isinstance(operand, Register):
            raise instruction.error(f"{operand} is no register")
        if operand.name == "_":
            return lambda at, values: None
        array = self.register(operand.name, instruction)
        if operand.name in self.special:
            raise instruction.error(f"{operand} cannot be written")
        if of.kind == "pred" or array.dtype == np.bool_:
            if of.kind != "pred" or array.dtype != np.bool_:
                raise instruction.error(f"{operand} is written as {of}")
            return array.__setitem__
        if array.dtype.itemsize == of.bytes:
            return array.view(of.dtype).__setitem__
        if array.dtype.itemsize > of.bytes and of.kind != "f":
            wide = array.view(array.dtype.str.replace("u", "i") if of.kind == "s" else array.dtype)
            return wide.__setitem__
        raise instruction.error(f"{operand} does not fit {of}")

    def predicate(self, operand: Operand, instruction: Instruction) -> Source:
        if not isinstance(operand, Register):
            raise instruction.error(f"{operand} is no predicate")
        return self._register_source(operand, PtxType("pred", 1), instruction)

    def address(self, operand: Operand, instruction: Instruction) -> tuple[str, Source]:
        """Return the space a named variable lies in (else ``generic``), and the addresses of threads."""
        if not isinstance(operand, Address):
            raise instruction.error(f"{operand} is no address")
        base = operand.base
        if isinstance(base, Name):
            space, start = self.spaces.address_of(base.name)
            fixed = np.uint64(start + base.offset + operand.offset)
            return space, lambda at: np.asarray(fixed)
        offset = np.uint64(operand.offset % (1 << 64))
        if isinstance(base, Immediate):
            fixed = np.uint64((base.value + operand.offset) % (1 << 64))
            return "generic", lambda at: np.asarray(fixed)
        array = self.register(base.name, instruction)
        if array.dtype.itemsize == 4:
            narrow = self.source(base, U32, instruction)
            return "generic", lambda at: narrow(at).astype(np.uint64) + offset
        wide = self.source(base, U64, instruction)
        return "generic", (lambda at: wide(at) + offset) if operand.offset else wide


def constant(operand: Immediate, of: PtxType) -> Array:
    """Return a number as NumPy's scalar of a type."""
    if of.kind == "pred":
        return np.asarray(bool(operand.value))[()]
    if operand.bits == 64 and of.bits == 32:
        narrow: Array = np.asarray(operand.value, np.uint64).view(np.float64).astype(np.float32)
        return narrow.view(of.dtype)[()]
    return np.asarray(operand.value % (1 << of.bits), f"u{of.bytes}").view(of.dtype)[()]


def special_registers(geometry: Geometry) -> dict[str, Array]:
    """Return what threads know of themselves: arrays, or one value for all."""
    a_block = geometry.threads_a_block
    threads = np.arange(geometry.threads)
    inside, block = threads % a_block, threads // a_block + geometry.first
    (x, y, z), (gx, gy, gz) = geometry.block, geometry.grid
    lane = inside % WARP
    one = np.uint64(1)
    bit = one << lane.astype(np.uint64)
    values: dict[str, Array | int] = {
        "%tid.x": inside % x,
        "%tid.y": inside // x % y,
        "%tid.z": inside // (x * y),
        "%ntid.x": x,
        "%ntid.y": y,
        "%ntid.z": z,
        "%ctaid.x": block % gx,
        "%ctaid.y": block // gx % gy,
        "%ctaid.z": block // (gx * gy),
        "%nctaid.x": gx,
        "%nctaid.y": gy,
        "%nctaid.z": gz,
        "%laneid": lane,
        "%warpid": inside // WARP,
        "%nwarpid": -(-a_block // WARP),
        "%lanemask_eq": bit,
        "%lanemask_lt": bit - one,
        "%lanemask_le": (bit << one) - one,
        "%lanemask_gt": ~((bit << one) - one),
        "%lanemask_ge": ~(bit - one),
        "%smid": 0,
        "%nsmid": 1,
        "%gridid": 0,
        "%clock": 0,
        "%clock64": 0,
        "%dynamic_smem_size": geometry.shared,
        "WARP_SZ": WARP,
    }
    return {name: np.asarray(value).astype(np.uint32) for name, value in values.items()}


__all__ = ["WINDOWS", "Active", "Geometry", "Source", "Step", "Target", "Wave", "constant"]
