"""Values whose operations become LLVM instructions.

Enters: an LLVM builder and a value, a number or one with SIMD lanes. Leaves: `Traced`, with which a function
of `symdl.run.elementary` leaves its instructions where it is called. That takes a millisecond; Numba's way
from the function's bytecode to the same instructions took 60 of them (exp), in every process that compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from symdl.run.cpu.intrinsics import instructions
from symdl.run.elementary.operations import Operand

_REALS = {ir.FloatType(): ir.IntType(32), ir.DoubleType(): ir.IntType(64)}
_WHOLES = {whole: real for real, whole in _REALS.items()}
_KINDS = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "int32": ir.IntType(32),
    "int64": ir.IntType(64),
}
_ALONE = ("contract",)
"""Flags of an instruction that must not become a multiplication by a reciprocal, or part of another sum.

One without flags gets those of all arithmetic.
"""
_CALLS = {"absolute": "fabs", "copysign": "copysign", "floor": "floor", "truncate": "trunc", "fma": "fma"}


def _binary(real: str, whole: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return an operator and the one with operands exchanged."""

    def own(self: Traced, other: Any) -> Traced:
        return self.joined(real, whole, (self, other))

    def turned(self: Traced, other: Any) -> Traced:
        return self.joined(real, whole, (other, self))

    return own, turned


def _compared(sign: str) -> Callable[..., Any]:
    def compare(self: Traced, other: Any) -> Traced:
        left, right = self.values((self, other))
        if not self.real:
            return self.made(self.builder.icmp_signed(sign, left, right))
        how = self.builder.fcmp_unordered if sign == "!=" else self.builder.fcmp_ordered
        return self.made(how(sign, left, right))

    return compare


class Traced(Operand):
    """A value, in LLVM.

    Args:
        alone: operations with it are rounded as written.
    """

    __slots__ = ("alone", "builder", "kind", "value")

    def __init__(self, builder: Any, value: Any, *, alone: bool = False) -> None:
        self.builder, self.value, self.kind, self.alone = builder, value, value.type, alone

    __hash__ = None  # type: ignore[assignment]
    __add__, __radd__ = _binary("fadd", "add")
    __sub__, __rsub__ = _binary("fsub", "sub")
    __mul__, __rmul__ = _binary("fmul", "mul")
    __truediv__, __rtruediv__ = _binary("fdiv", "")
    __and__, __rand__ = _binary("", "and_")
    __or__, __ror__ = _binary("", "or_")
    __xor__, __rxor__ = _binary("", "xor")
    __lshift__, _ = _binary("", "shl")
    __rshift__, _ = _binary("", "ashr")
    __lt__, __le__, __gt__, __ge__ = map(_compared, ("<", "<=", ">", ">="))
    __eq__, __ne__ = map(_compared, ("==", "!="))

    def __neg__(self) -> Traced:
        return self.made(self.builder.fneg(self.value))

    @property
    def real(self) -> bool:
        """Whether it is no integer."""
        return instructions.element(self.kind) in _REALS

    def made(self, value: Any, *others: Any) -> Traced:
        """Return a value that was made of this one and of others."""
        alone = self.alone or any(other.alone for other in others if isinstance(other, Traced))
        return Traced(self.builder, value, alone=alone)

    def values(self, args: tuple[Any, ...]) -> list[Any]:
        """Return values in LLVM; a Python number is a constant of this kind."""
        return [a.value if isinstance(a, Traced) else instructions.constant(self.kind, a) for a in args]

    def joined(self, real: str, whole: str, args: tuple[Any, ...]) -> Traced:
        """Return the value of an instruction, of reals or of integers."""
        alone = any(value.alone for value in args if isinstance(value, Traced))
        options = {"flags": _ALONE} if self.real and alone else {}
        built = getattr(self.builder, real if self.real else whole)(*self.values(args), **options)
        return Traced(self.builder, built, alone=alone)

    def apply(self, operation: str, args: tuple[Any, ...]) -> Traced:
        """Return one of the operations of `symdl.run.elementary.operations`."""
        builder = self.builder
        if operation in _CALLS:
            name = f"llvm.{_CALLS[operation]}.{instructions.suffix(self.kind)}"
            return self.made(instructions.call(builder, name, self.kind, self.values(args)), *args)
        match operation:
            case "select":
                return _selected(builder, *args)
            case "constant":
                return self.made(instructions.constant(self.kind, args[0]))
            case "bits" | "real":
                kinds = _REALS if operation == "bits" else _WHOLES
                kind = kinds[instructions.element(self.kind)]
                return self.made(builder.bitcast(self.value, instructions.with_element(self.kind, kind)))
            case "cast":
                return self.made(_cast(builder, self.value, _KINDS[args[1]]))
            case "fmod":
                return self.joined("frem", "", args)
            case "exactly":
                return Traced(builder, self.value, alone=True)
        raise AssertionError(operation)


def _selected(builder: Any, mask: Traced, yes: Any, no: Any) -> Traced:
    """Return `yes` where a mask holds, else `no`."""
    one = yes if isinstance(yes, Traced) else no
    return one.made(builder.select(mask.value, *one.values((yes, no))), yes, no)


def _cast(builder: Any, value: Any, element: Any) -> Any:
    """Return a real as one of another width, an integer as one of another width, or the value itself."""
    before, kind = instructions.element(value.type), instructions.with_element(value.type, element)
    if before == element:
        return value
    if element in _REALS:
        return (builder.fpext if element == ir.DoubleType() else builder.fptrunc)(value, kind)
    return (builder.sext if element.width > before.width else builder.trunc)(value, kind)
