"""Values with one lane for each sample of a layout block.

Enters: pointers, numbers. Leaves: the Numba type `Lanes` with its arithmetic, and intrinsics that generated
modules import. A value of 16 lanes is one LLVM vector, held in registers; what all samples share stays a
number, and becomes a vector where it meets one.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing import templates
from numba.extending import intrinsic, lower_builtin, models, register_model

from symdl.lower.ir.loops import LAYOUT_BLOCK
from symdl.run.cpu.intrinsics import elementary, instructions
from symdl.run.cpu.intrinsics.instructions import LONG, SHORT, call, place, suffix

_FLAGS = ("contract", "reassoc", "nsz", "arcp")
"""What the compiler may do with arithmetic, as in `symdl.run.cpu.intrinsics.pointers`."""

_signature: Any = templates.signature
_typed: Any = templates.infer_global
_lowered: Any = lower_builtin


_FIRST = {"target": "cpu"}
"""What puts a type of an operator before those that Numba has for every target: it tries them in order."""


class Lanes(types.Type):
    """One value of a type for each sample of a layout block."""

    def __init__(self, element: Any) -> None:
        self.element = element
        super().__init__(name=f"Lanes({element})")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            manager, kind, ir.VectorType(manager.lookup(kind.element).get_value_type(), LAYOUT_BLOCK)
        )


def _spread(builder: Any, value: Any) -> Any:
    return instructions.spread(builder, value, LAYOUT_BLOCK)


def _vector(context: Any, builder: Any, value: Any, kind: Any, element: Any) -> Any:
    """Return a value as a vector of some element type."""
    if isinstance(kind, Lanes):
        return value
    return _spread(builder, context.cast(builder, value, kind, element))


_REAL = {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}
_COMPARISONS = {"lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">="}
_BITS = {"and_": "and_", "or_": "or_"}


def _define(name: str, build: Callable[..., Any], *, masks: bool = False, also: str = "") -> None:
    """Give Lanes a binary operator."""
    for own in (name, also) if also else (name,):
        function = getattr(operator, own)

        class _Template(templates.AbstractTemplate):
            metadata = _FIRST

            def generic(self, args: Any, kws: Any) -> Any:
                lanes = [a for a in args if isinstance(a, Lanes)]
                if kws or not lanes:
                    return None
                return _signature(Lanes(types.boolean) if masks else lanes[0], *args)

        _typed(function)(_Template)

        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = next(a.element for a in sig.args if isinstance(a, Lanes))
            pairs = zip(args, sig.args, strict=True)
            return build(builder, element, *(_vector(context, builder, v, k, element) for v, k in pairs))

        for kinds in ((Lanes, Lanes), (Lanes, types.Any), (types.Any, Lanes)):
            _lowered(function, *kinds)(lower)


def _arithmetic(name: str) -> Callable[..., Any]:
    def build(builder: Any, element: Any, left: Any, right: Any) -> Any:
        if isinstance(element, types.Float):
            return getattr(builder, _REAL[name])(left, right, flags=_FLAGS)
        return getattr(builder, name)(left, right)

    return build


def _comparison(sign: str) -> Callable[..., Any]:
    def build(builder: Any, element: Any, left: Any, right: Any) -> Any:
        if isinstance(element, types.Float):
            compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
            return compare(sign, left, right)
        return builder.icmp_signed(sign, left, right)

    return build


def _logic(name: str) -> Callable[..., Any]:
    return lambda builder, _element, left, right: getattr(builder, name)(left, right)


for _name in _REAL:
    _define(_name, _arithmetic(_name), also=f"i{_name}")
for _name, _sign in _COMPARISONS.items():
    _define(_name, _comparison(_sign), masks=True)
for _name in _BITS:
    _define(_name, _logic(_name), masks=True)


def _unary(function: Any, build: Callable[..., Any]) -> None:
    class _Template(templates.AbstractTemplate):
        metadata = _FIRST

        def generic(self, args: Any, kws: Any) -> Any:
            return _signature(args[0], *args) if not kws and isinstance(args[0], Lanes) else None

    _typed(function)(_Template)
    _lowered(function, Lanes)(lambda context, builder, sig, args: build(builder, args[0]))


_unary(operator.neg, lambda builder, value: builder.fneg(value, flags=_FLAGS))
_unary(operator.invert, lambda builder, value: builder.not_(value))


def _numbers() -> Any:
    return ir.Constant(ir.VectorType(LONG, LAYOUT_BLOCK), list(range(LAYOUT_BLOCK)))


def _live(builder: Any, live: Any) -> Any:
    return builder.icmp_signed("<", _numbers(), _spread(builder, live))


def _align(kind: Any) -> int:
    return int(kind.dtype.bitwidth // 8)


@intrinsic
def samples_at(_typing: Any, array: Any, at: Any) -> Any:
    """The elements of a layout block, side by side."""
    out = Lanes(array.dtype)

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        start = place(builder, args[0], args[1], context.get_value_type(out))
        return builder.load(start, align=_align(array))

    return out(array, types.int64), build


@intrinsic
def put_samples(_typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Write the elements of a layout block, side by side."""

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        builder.store(args[2], place(builder, args[0], args[1], args[2].type), align=_align(array))
        return context.get_dummy_value()

    return types.void(array, types.int64, Lanes(array.dtype)), build


def _places(builder: Any, array: Any, at: Any, step: Any, element: Any) -> Any:
    """Return the addresses of elements that are `step` apart."""
    offsets = builder.add(_spread(builder, at), builder.mul(_numbers(), _spread(builder, step)))
    bytes_ = builder.mul(offsets, _spread(builder, ir.Constant(LONG, element.bitwidth // 8)))
    start = _spread(builder, builder.ptrtoint(array, LONG))
    kind = ir.VectorType(array.type, LAYOUT_BLOCK)
    return builder.inttoptr(builder.add(start, bytes_), kind)


@intrinsic
def rows_at(_typing: Any, array: Any, at: Any, step: Any, live: Any) -> Any:
    """One element of each live sample, `step` apart; 0 in the other lanes."""
    out = Lanes(array.dtype)

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        pointer, start, distance, count = args
        kind = context.get_value_type(out)
        places = _places(builder, pointer, start, distance, array.dtype)
        zeros = ir.Constant(kind, [0] * LAYOUT_BLOCK)
        rest = [ir.Constant(SHORT, _align(array)), _live(builder, count), zeros]
        return call(builder, f"llvm.masked.gather.{suffix(kind)}.v{LAYOUT_BLOCK}p0", kind, [places, *rest])

    return out(array, types.int64, types.int64, types.int64), build


@intrinsic
def put_rows(_typing: Any, array: Any, at: Any, step: Any, value: Any, live: Any) -> Any:
    """Write one element of each live sample, `step` apart."""

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        pointer, start, distance, found, count = args
        places = _places(builder, pointer, start, distance, array.dtype)
        rest = [ir.Constant(SHORT, _align(array)), _live(builder, count)]
        name = f"llvm.masked.scatter.{suffix(found.type)}.v{LAYOUT_BLOCK}p0"
        call(builder, name, ir.VoidType(), [found, places, *rest])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, Lanes(array.dtype), types.int64), build


@intrinsic
def spread(_typing: Any, value: Any) -> Any:
    """A number as a value of all samples; values stay as they are."""
    if isinstance(value, Lanes):
        return value(value), lambda _context, _builder, _sig, args: args[0]
    kind = types.int64 if isinstance(value, types.Integer) else value

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _spread(builder, args[0])

    return Lanes(kind)(kind), build


@intrinsic
def total(_typing: Any, value: Any, live: Any) -> Any:
    """The sum over the live samples of a layout block."""
    element = value.element

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        kind = context.get_value_type(element)
        zero = ir.Constant(args[0].type, [0.0] * LAYOUT_BLOCK)
        found = builder.select(_live(builder, args[1]), args[0], zero)
        name = f"llvm.vector.reduce.fadd.{suffix(args[0].type)}"
        return call(builder, name, kind, [ir.Constant(kind, -0.0), found], fastmath=_FLAGS)

    return element(value, types.int64), build


@intrinsic
def choose(_typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """The value of `yes` in those lanes where `mask` holds, of `no` in the others."""
    kinds = [k.element if isinstance(k, Lanes) else k for k in (yes, no)]
    element = next((k.element for k in (yes, no) if isinstance(k, Lanes)), None)
    if element is None:
        element = types.int64 if isinstance(kinds[0], types.Integer) else kinds[0]
    out = Lanes(element)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vectors = [
            _vector(context, builder, v, k, element) for v, k in zip(args[1:], sig.args[1:], strict=True)
        ]
        truth = args[0] if isinstance(sig.args[0], Lanes) else _spread(builder, args[0])
        return builder.select(truth, *vectors)

    return out(mask, yes, no), build


_WHOLE = {math.sqrt: "sqrt", abs: "fabs", np.floor: "floor"}
"""Functions for which LLVM has a form for vectors."""
_INLINE = {getattr(elementary, name): name for name in elementary.BODIES}
"""Those that `symdl.run.elementary` computes in all lanes at once."""


@intrinsic
def sample_numbers(_typing: Any) -> Any:
    """The number of each sample in its layout block."""
    return Lanes(types.int64)(), lambda _context, _builder, _sig, _args: _numbers()


def _each(typing: Any, function: Any, kinds: tuple[Any, ...]) -> Any:
    given = [k.element if isinstance(k, Lanes) else k for k in kinds]
    inner = typing.resolve_function_type(function, tuple(given), {})
    key = getattr(function, "typing_key", None)
    known = _WHOLE.get(key)
    inline = elementary.inline(_INLINE[key], given[0]) if key in _INLINE else None
    out = Lanes(inner.return_type)

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        kind = context.get_value_type(out)
        if known and given[0] == inner.return_type:
            return call(builder, f"llvm.{known}.{suffix(kind)}", kind, args[1:])
        if inline is not None:
            operands = zip(args[1:], kinds, strict=True)
            return inline(builder, *(_vector(context, builder, v, k, given[0]) for v, k in operands))
        compute = context.get_function(function, inner)
        result = ir.Constant(kind, ir.Undefined)
        for lane in range(LAYOUT_BLOCK):
            at = ir.Constant(SHORT, lane)
            values = [
                context.cast(
                    builder, builder.extract_element(v, at) if isinstance(k, Lanes) else v, g, wanted
                )
                for v, k, g, wanted in zip(args[1:], kinds, given, inner.args, strict=True)
            ]
            result = builder.insert_element(result, compute(builder, values), at)
        return result

    return out(function, *kinds), build


@intrinsic
def each(typing: Any, function: Any, value: Any) -> Any:
    """A function of a number, in every lane."""
    return _each(typing, function, (value,))


@intrinsic
def each_of_two(typing: Any, function: Any, one: Any, two: Any) -> Any:
    """A function of two numbers, in every lane."""
    return _each(typing, function, (one, two))


@intrinsic
def each_of_three(typing: Any, function: Any, one: Any, two: Any, three: Any) -> Any:
    """A function of three numbers, in every lane."""
    return _each(typing, function, (one, two, three))
