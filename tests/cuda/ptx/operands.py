"""The operands of one instruction, from text."""

from __future__ import annotations

import re

from tests.cuda.ptx.syntax import Address, Both, Immediate, Name, Operand, Register, Several
from tests.cuda.ptx.types import PtxError

PIECE = re.compile(r"\s*(\{[^}]*\}|\([^)]*\)|\[[^\]]*\]|[^,\s][^,]*?)\s*(?:,|$)")
INTEGER = re.compile(r"([+-]?)\s*(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)U?")
FLOAT = re.compile(r"0([fFdD])([0-9a-fA-F]+)")
NAMED = re.compile(r"(!?)\s*([%$A-Za-z_][\w$.]*)")
WITH_OFFSET = re.compile(r"(.*?)\s*(?:\+\s*(-?\s*\w+)|(-\s*\w+))?")


def parse_operands(text: str, line: int) -> tuple[Operand, ...]:
    """Return the operands in `text`, which is what follows the opcode."""
    found, position = [], 0
    text = text.strip()
    while position < len(text):
        piece = PIECE.match(text, position)
        if piece is None:
            raise PtxError(f"line {line}: operands not understood: {text!r}")
        found.append(_operand(piece[1].strip(), line))
        position = piece.end()
    return tuple(found)


def _operand(text: str, line: int) -> Operand:
    if text[0] in "{(":
        parts = [_operand(part.strip(), line) for part in text[1:-1].split(",") if part.strip()]
        return Several(tuple(p for p in parts if isinstance(p, Register | Immediate | Name)))
    if text[0] == "[":
        return _address(text[1:-1].strip(), line)
    if "|" in text:
        first, second = (Register(part.strip()) for part in text.split("|"))
        return Both(first, second)
    number = _number(text)
    if number is not None:
        return number
    named = NAMED.fullmatch(text)
    if named:
        register = named[2].startswith("%") or named[2] == "_"
        return Register(named[2], bool(named[1])) if register else Name(named[2])
    base, offset = _with_offset(text, line)
    if isinstance(base, Name):
        return Name(base.name, offset)
    raise PtxError(f"line {line}: operand not understood: {text!r}")


def _number(text: str) -> Immediate | None:
    float_ = FLOAT.fullmatch(text)
    if float_ and len(float_[2]) in (8, 16):
        return Immediate(int(float_[2], 16), 32 if float_[1] in "fF" else 64)
    integer = INTEGER.fullmatch(text)
    if integer is None:
        return None
    return Immediate(
        int(integer[2], 0 if integer[2][1:2] in tuple("xXbB") else 10) * (-1 if integer[1] == "-" else 1)
    )


def _address(text: str, line: int) -> Address:
    base, offset = _with_offset(text, line)
    return Address(base, offset)


def _with_offset(text: str, line: int) -> tuple[Register | Name | Immediate, int]:
    found = WITH_OFFSET.fullmatch(text)
    if found is None:
        raise PtxError(f"line {line}: address not understood: {text!r}")
    offset = int((found[2] or found[3] or "0").replace(" ", ""), 0)
    number = _number(found[1])
    named = NAMED.fullmatch(found[1])
    if number is None and named is None:
        raise PtxError(f"line {line}: address not understood: {text!r}")
    if named is None:
        assert number is not None
        return number, offset
    return (Register(named[2]) if named[2].startswith("%") else Name(named[2])), offset
