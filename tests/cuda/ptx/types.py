"""The types of PTX, and how NumPy holds their values.

A register is declared by width; an instruction says as what it reads the bits. Registers are kept as arrays
of unsigned integers (of bool for predicates), and `PtxType.dtype` is the view an instruction takes of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Kind: TypeAlias = Literal["u", "s", "f", "b", "pred"]
Array: TypeAlias = npt.NDArray[Any]
"""Values of any type, an element a thread; a scalar of NumPy where all threads see the same."""
Ids: TypeAlias = npt.NDArray[np.int64]
"""Numbers of threads, ascending."""

SUFFIXES = ("pred", *(f"{kind}{bits}" for kind in "usb" for bits in (8, 16, 32, 64)), "f16", "f32", "f64")


class PtxError(Exception):
    """What cannot be interpreted: an opcode, type or operand that is not known, named with its line."""


@dataclass(frozen=True, slots=True)
class PtxType:
    """A type as instructions name it: ``u32`` is ``PtxType("u", 32)``."""

    kind: Kind
    bits: int

    def __str__(self) -> str:
        return "pred" if self.kind == "pred" else f"{self.kind}{self.bits}"

    @property
    def bytes(self) -> int:
        return self.bits // 8

    @property
    def dtype(self) -> np.dtype[Any]:
        """What NumPy computes with; untyped bits are unsigned integers."""
        return _dtype(self)

    @property
    def storage(self) -> np.dtype[Any]:
        """What a register of this width is kept as."""
        return _dtype(self if self.kind == "pred" else PtxType("u", self.bits))

    def wide(self) -> PtxType:
        """The integer type of twice the width."""
        return PtxType(self.kind, self.bits * 2)


@cache
def _dtype(of: PtxType) -> np.dtype[Any]:
    if of.kind == "pred":
        return np.dtype(np.bool_)
    letter = {"u": "u", "b": "u", "s": "i", "f": "f"}[of.kind]
    return np.dtype(f"{letter}{of.bytes}")


@cache
def type_named(name: str) -> PtxType:
    """Return the type with a suffix like ``u32``; `PtxError` where there is none."""
    if name not in SUFFIXES:
        raise PtxError(f"no type .{name} is known")
    if name == "pred":
        return PtxType("pred", 1)
    letter = name[0]
    kind: Kind = "u" if letter == "u" else "s" if letter == "s" else "f" if letter == "f" else "b"
    return PtxType(kind, int(name[1:]))


PRED = PtxType("pred", 1)
U8, U16, U32, U64 = (PtxType("u", bits) for bits in (8, 16, 32, 64))
S32, S64 = PtxType("s", 32), PtxType("s", 64)
F32, F64 = PtxType("f", 32), PtxType("f", 64)
