"""What a module of PTX consists of once it is parsed: variables, functions, instructions, operands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, TypeAlias

from tests.cuda.ptx.types import PtxError, PtxType, type_named

Space: TypeAlias = Literal["global", "shared", "local", "const", "param"]
SPACES: tuple[Space, ...] = ("global", "shared", "local", "const", "param")


@dataclass(frozen=True, slots=True)
class Register:
    """A register, or a special one like ``%tid.x``."""

    name: str
    negated: bool = False

    def __str__(self) -> str:
        return ("!" if self.negated else "") + self.name


@dataclass(frozen=True, slots=True)
class Immediate:
    """A number: an integer, or the bits of a float of `bits` bits (``0f3F800000``)."""

    value: int
    bits: int = 0

    def __str__(self) -> str:
        return {0: str(self.value), 32: f"0f{self.value:08X}", 64: f"0d{self.value:016X}"}[self.bits]


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, label or function; with `offset` in bytes, its address and more."""

    name: str
    offset: int = 0

    def __str__(self) -> str:
        return self.name + (f"+{self.offset}" if self.offset else "")


@dataclass(frozen=True, slots=True)
class Address:
    """``[base+offset]``."""

    base: Register | Name | Immediate
    offset: int = 0

    def __str__(self) -> str:
        return f"[{self.base}{f'+{self.offset}' if self.offset else ''}]"


@dataclass(frozen=True, slots=True)
class Several:
    """``{a, b}``: the parts of a vector or of a wide register; or the parentheses of a call."""

    parts: tuple[Register | Immediate | Name, ...]

    def __str__(self) -> str:
        return "{" + ", ".join(map(str, self.parts)) + "}"


@dataclass(frozen=True, slots=True)
class Both:
    """``value|predicate``: the two results of `setp` and `shfl`."""

    first: Register
    second: Register

    def __str__(self) -> str:
        return f"{self.first}|{self.second}"


Operand: TypeAlias = Register | Immediate | Name | Address | Several | Both


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instruction stands: line of the PTX, and file and line it was generated from (0: unknown)."""

    line: int
    file: str = ""
    source: int = 0


@cache
def _types(modifiers: tuple[str, ...]) -> tuple[PtxType, ...]:
    return tuple(
        type_named(modifier)
        for modifier in modifiers
        if modifier == "pred" or (modifier[:1] in "usbf" and modifier[1:].isdecimal())
    )


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: ``@guard opcode.modifiers operands;``."""

    opcode: str
    modifiers: tuple[str, ...]
    operands: tuple[Operand, ...]
    place: Place
    guard: Register | None = None

    @property
    def name(self) -> str:
        return ".".join((self.opcode, *self.modifiers))

    def __str__(self) -> str:
        guard = f"@{self.guard} " if self.guard else ""
        return f"{guard}{self.name} {', '.join(map(str, self.operands))}".rstrip()

    @property
    def types(self) -> tuple[PtxType, ...]:
        """The types among the modifiers, in order."""
        return _types(self.modifiers)

    @property
    def type(self) -> PtxType:
        """The last type: that of the sources; `PtxError` if there is none."""
        if not self.types:
            raise self.error("no type")
        return self.types[-1]

    def has(self, modifier: str) -> bool:
        return modifier in self.modifiers

    def error(self, why: str) -> PtxError:
        return PtxError(f"line {self.place.line}: {self}: {why}")


@dataclass(frozen=True, slots=True)
class Variable:
    """Memory with a name. `content` is None where nothing is written there at first."""

    name: str
    space: Space
    size: int
    align: int = 1
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A kernel (`entry`) or a function; `labels` lead to positions in `body`, `tables` to lists of labels.

    A block has at most `threads`, as far as is said (``.maxntid``); 0 says nothing.
    """

    name: str
    entry: bool
    parameters: tuple[Variable, ...]
    results: tuple[Variable, ...]
    registers: Mapping[str, PtxType]
    variables: tuple[Variable, ...]
    body: tuple[Instruction, ...]
    labels: Mapping[str, int]
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Module:
    """What one text of PTX holds. `target` is like ``sm_90``."""

    target: str
    variables: tuple[Variable, ...]
    functions: Mapping[str, Function]

    @property
    def entries(self) -> tuple[str, ...]:
        return tuple(name for name, function in self.functions.items() if function.entry)
