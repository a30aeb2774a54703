"""Values with one lane for each sample of a tile.

Enters: pointers, numbers. Leaves: the Numba type `Lanes` with its arithmetic, and intrinsics that generated
modules import. A value of 16 lanes is one LLVM vector, held in registers; what all samples share stays a
number, and becomes a vector where it meets one.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.typing import templates
from numba.extending import intrinsic, lower_builtin, models, register_model

from symdl.lower.ir.loops import TILE
from symdl.run.cpu.intrinsics import elementary as vectors
from symdl.run.cpu.intrinsics.division_code import Division
from symdl.run.cpu.intrinsics.elementary_code import DOUBLE, SINGLE, Format

_FLAGS = ("contract", "reassoc", "nsz", "arcp")
"""What the compiler may do with arithmetic, as in `symdl.run.cpu.intrinsics.pointers`."""

_signature: Any = templates.signature
_typed: Any = templates.infer_global
_lowered: Any = lower_builtin
_short, _long = ir.IntType(32), ir.IntType(64)


class Lanes(types.Type):
    """One value of a type for each sample of a tile."""

    def __init__(self, element: Any) -> None:
        self.element = element
        super().__init__(name=f"Lanes({element})")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            manager, kind, ir.VectorType(manager.lookup(kind.element).get_value_type(), TILE)
        )


def _spread(builder: Any, value: Any) -> Any:
    kind = ir.VectorType(value.type, TILE)
    blank = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(blank, value, ir.Constant(_short, 0))
    return builder.shuffle_vector(first, blank, ir.Constant(ir.VectorType(_short, TILE), [0] * TILE))


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
        def generic(self, args: Any, kws: Any) -> Any:
            return _signature(args[0], *args) if not kws and isinstance(args[0], Lanes) else None

    _typed(function)(_Template)
    _lowered(function, Lanes)(lambda context, builder, sig, args: build(builder, args[0]))


_unary(operator.neg, lambda builder, value: builder.fneg(value, flags=_FLAGS))
_unary(operator.invert, lambda builder, value: builder.not_(value))


def _call(builder: Any, name: str, result: Any, args: Any, **options: Any) -> Any:
    kind = ir.FunctionType(result, [a.type for a in args])
    module = builder.module
    function = module.globals.get(name) or ir.Function(module, kind, name)
    return builder.call(function, args, **options)


def _suffix(element: Any) -> str:
    return f"v{TILE}{'f' if isinstance(element, types.Float) else 'i'}{element.bitwidth}"


def _numbers() -> Any:
    return ir.Constant(ir.VectorType(_long, TILE), list(range(TILE)))


def _live(builder: Any, live: Any) -> Any:
    return builder.icmp_signed("<", _numbers(), _spread(builder, live))


def _place(builder: Any, pointer: Any, at: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [at]), kind.as_pointer())


def _align(kind: Any) -> int:
    return int(kind.dtype.bitwidth // 8)


@intrinsic
def tile_at(_typing: Any, array: Any, at: Any) -> Any:
    """The elements of a tile, side by side."""
    out = Lanes(array.dtype)

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        place = _place(builder, args[0], args[1], context.get_value_type(out))
        return builder.load(place, align=_align(array))

    return out(array, types.int64), build


@intrinsic
def put_tile(_typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Write the elements of a tile, side by side."""

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        builder.store(args[2], _place(builder, args[0], args[1], args[2].type), align=_align(array))
        return context.get_dummy_value()

    return types.void(array, types.int64, Lanes(array.dtype)), build


def _places(builder: Any, array: Any, at: Any, step: Any, element: Any) -> Any:
    """Return the addresses of elements that are `step` apart."""
    offsets = builder.add(_spread(builder, at), builder.mul(_numbers(), _spread(builder, step)))
    bytes_ = builder.mul(offsets, _spread(builder, ir.Constant(_long, element.bitwidth // 8)))
    start = _spread(builder, builder.ptrtoint(array, _long))
    kind = ir.VectorType(array.type, TILE)
    return builder.inttoptr(builder.add(start, bytes_), kind)


@intrinsic
def rows_at(_typing: Any, array: Any, at: Any, step: Any, live: Any) -> Any:
    """One element of each live sample, `step` apart; 0 in the other lanes."""
    out = Lanes(array.dtype)

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        pointer, start, distance, count = args
        kind = context.get_value_type(out)
        places = _places(builder, pointer, start, distance, array.dtype)
        rest = [ir.Constant(_short, _align(array)), _live(builder, count), ir.Constant(kind, [0] * TILE)]
        return _call(builder, f"llvm.masked.gather.{_suffix(array.dtype)}.v{TILE}p0", kind, [places, *rest])

    return out(array, types.int64, types.int64, types.int64), build


@intrinsic
def put_rows(_typing: Any, array: Any, at: Any, step: Any, value: Any, live: Any) -> Any:
    """Write one element of each live sample, `step` apart."""

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        pointer, start, distance, found, count = args
        places = _places(builder, pointer, start, distance, array.dtype)
        rest = [ir.Constant(_short, _align(array)), _live(builder, count)]
        name = f"llvm.masked.scatter.{_suffix(array.dtype)}.v{TILE}p0"
        _call(builder, name, ir.VoidType(), [found, places, *rest])
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
    """The sum over the live samples of a tile."""
    element = value.element

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        kind = context.get_value_type(element)
        zero = ir.Constant(args[0].type, [0.0] * TILE)
        found = builder.select(_live(builder, args[1]), args[0], zero)
        name = f"llvm.vector.reduce.fadd.{_suffix(element)}"
        return _call(builder, name, kind, [ir.Constant(kind, -0.0), found], fastmath=_FLAGS)

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
_WRITTEN = {
    **{getattr(vectors, name): (name, (SINGLE, DOUBLE)) for name in ("exp", "tanh", "log")},
    **{getattr(vectors, name): (name, (SINGLE,)) for name in ("expm1", "erf")},
    **{getattr(vectors, name): (name, (SINGLE, DOUBLE)) for name in ("ratio", "floor_divide", "remainder")},
}
"""Those that `symdl.run.cpu.intrinsics.elementary_code` writes in one format from start to end."""


class _Code(Division):
    """Instructions on values of all lanes."""

    def __init__(self, builder: Any, form: Format) -> None:
        kind, integer = (ir.VectorType(k, TILE) for k in (form.kind, form.integer))
        super().__init__(builder, replace(form, kind=kind, integer=integer))
        self.suffix = _suffix(types.float32 if form is SINGLE else types.float64)

    def number(self, value: float) -> Any:
        """Return a constant."""
        return ir.Constant(self.kind, [value] * TILE)

    def whole(self, value: int) -> Any:
        """Return a constant integer of the format's width."""
        return ir.Constant(self.form.integer, [value] * TILE)

    def call(self, name: str, *args: Any) -> Any:
        """Return the value of one of LLVM's functions."""
        return _call(self.builder, f"llvm.{name}.{self.suffix}", self.kind, args)


@intrinsic
def sample_numbers(_typing: Any) -> Any:
    """The number of each sample in its tile."""
    return Lanes(types.int64)(), lambda _context, _builder, _sig, _args: _numbers()


def _each(typing: Any, function: Any, kinds: tuple[Any, ...]) -> Any:
    given = [k.element if isinstance(k, Lanes) else k for k in kinds]
    inner = typing.resolve_function_type(function, tuple(given), {})
    key = getattr(function, "typing_key", None)
    known = _WHOLE.get(key)
    name, forms = _WRITTEN.get(key, ("", ()))
    form = SINGLE if given[0] == types.float32 else DOUBLE
    out = Lanes(inner.return_type)

    def build(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        kind = context.get_value_type(out)
        if known and given[0] == inner.return_type:
            return _call(builder, f"llvm.{known}.{_suffix(given[0])}", kind, args[1:])
        if form in forms:
            operands = zip(args[1:], kinds, strict=True)
            spread_ = [_vector(context, builder, v, k, given[0]) for v, k in operands]
            return getattr(_Code(builder, form), name)(*spread_)
        compute = context.get_function(function, inner)
        result = ir.Constant(kind, ir.Undefined)
        for lane in range(TILE):
            at = ir.Constant(_short, lane)
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
