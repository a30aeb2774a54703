"""Elementary functions, written once: NumPy's numbers and compiled code give the same bits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import binding, ir
from numba import njit, types

from symdl.lower.ir.loops import LAYOUT_BLOCK
from symdl.run.cpu.intrinsics import elementary
from symdl.run.cpu.intrinsics.operand import Traced
from symdl.run.cpu.intrinsics.pointers import OPTIONS, REALS, disjoint, integer_at
from symdl.run.cpu.intrinsics.simd import each, each_of_two, put_samples, samples_at
from symdl.run.elementary.formats import DOUBLE, SINGLE, Format
from symdl.run.elementary.operations import fma
from symdl.run.elementary.trigonometric import NEAR
from symdl.run.memory import address

CALLED = {**OPTIONS, "no_cpython_wrapper": False}
FORMATS = {"float32": SINGLE, "float64": DOUBLE}
TWO = ("ratio", "floor_divide", "remainder", "near_floor_divide", "near_remainder", "reach_of_two")
INLINE = [
    (name, dtype)
    for name in elementary.BODIES
    for dtype in FORMATS
    if elementary.inline(name, getattr(types, dtype)) is not None
]
HARD = (0.0, 0.5, 0.625, 0.9, 1.0, 4.0, 20.0, 2.0**-25, 2.0**20, 2.0**49, 2.0**71, 2.0**97, 2.0**120)
"""Where a function takes another way; their neighbours are tried, too."""


def points(dtype: str, name: str) -> Any:
    """Return bit patterns, moderate numbers, and where it is hard; whole SIMD values of them."""
    rng, f, kind = np.random.default_rng(0), FORMATS[dtype], np.finfo(dtype)
    patterns = rng.integers(0, 2**f.width, 20_000, dtype=f"uint{f.width}").view(dtype)
    moderate = (rng.normal(size=20_000) * np.exp(rng.uniform(-12, 5, 20_000))).astype(dtype)
    ends = (f.overflow, (f.bias - 1) * np.log(2), kind.tiny, kind.smallest_subnormal, kind.max, kind.eps)
    turns = np.arange(1, 2000) * np.concatenate([[np.log(2) / 2], [np.pi / 4]])[:, None]
    hard = np.concatenate([HARD, ends, turns.reshape(-1)]).astype(dtype)
    with np.errstate(over="ignore"):
        near = [np.nextafter(hard, np.array(to, dtype)) for to in (np.inf, 0)]
    hard = np.concatenate([hard, *near])
    found = np.concatenate([patterns, moderate, hard, -hard, np.array([np.inf, -np.inf, np.nan], dtype)])
    if name in ("near_sin", "near_cos"):
        found = found[abs(found) <= NEAR]
    return found[: len(found) // LAYOUT_BLOCK * LAYOUT_BLOCK].copy()


def arguments(name: str, dtype: str) -> list[Any]:
    x = points(dtype, name)
    if name not in TWO:
        return [x]
    y = np.random.default_rng(1).permutation(x)
    with np.errstate(all="ignore"):
        small = abs(x / y) < 2.0 ** FORMATS[dtype].mantissa
        if dtype == "float64":  # NumPy's form of fma needs parts that are neither subnormal nor infinite
            for number in (x, y):
                small &= (abs(number) < 1e290) & ((abs(number) > 1e-270) | (number == 0))
    chosen = np.flatnonzero(small if name.startswith("near") else np.ones_like(small))
    chosen = chosen[: len(chosen) // LAYOUT_BLOCK * LAYOUT_BLOCK]
    return [x[chosen], y[chosen]]


def in_numbers(name: str, given: Any, result: Any) -> None:
    """Compute in a loop over numbers, which is one over vectors when it is compiled."""
    function, at = getattr(elementary, name), REALS[given[0].dtype.name]
    kind = types.CPointer(getattr(types, result.dtype.name))
    reals = types.CPointer(getattr(types, given[0].dtype.name))
    out = at if result.dtype.kind == "f" else integer_at
    two = len(given) == 2

    @njit(types.void(reals, reals, kind, types.int64), **OPTIONS)
    def inner(x: Any, y: Any, z: Any, count: int) -> None:
        disjoint()
        for i in range(count):
            z[i] = function(x[i], y[i]) if two else function(x[i])

    @njit(types.void(types.int64, types.int64, types.int64, types.int64), **CALLED)
    def outer(x: int, y: int, z: int, count: int) -> None:
        inner(at(x), at(y), out(z), count)

    outer(address(given[0]), address(given[-1]), address(result), len(result))


def in_lanes(name: str, given: Any, result: Any) -> None:
    """Compute in values with SIMD lanes."""
    function, at = getattr(elementary, name), REALS[given[0].dtype.name]
    two = len(given) == 2

    @njit(types.void(types.int64, types.int64, types.int64, types.int64), **CALLED)
    def run(x: int, y: int, z: int, count: int) -> None:
        for begin in range(0, count, LAYOUT_BLOCK):
            one, other = samples_at(at(x), begin), samples_at(at(y), begin)
            put_samples(at(z), begin, each_of_two(function, one, other) if two else each(function, one))

    run(address(given[0]), address(given[-1]), address(result), len(result))


def same_bits(found: Any, wanted: Any) -> bool:
    whole = f"i{wanted.itemsize}"
    same = found.view(whole) == wanted.view(whole)
    return bool(np.all(same | (np.isnan(found) & np.isnan(wanted))))


@pytest.mark.parametrize(("name", "dtype"), INLINE)
def test_numbers_of_numpy_and_compiled_code_give_the_same_bits(name: str, dtype: str) -> None:
    given = arguments(name, dtype)
    with np.errstate(all="ignore"):
        wanted = elementary.BODIES[name](*given, FORMATS[dtype])
    assert len(wanted) > 10_000
    if wanted.dtype.kind == "i":
        wanted = wanted.astype("int64")
    found = np.zeros_like(wanted)
    in_numbers(name, given, found)
    assert same_bits(found, wanted)
    if wanted.dtype.kind == "f":
        found[:] = 0
        in_lanes(name, given, found)
        assert same_bits(found, wanted)


reals = st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-30)


@np.errstate(all="ignore")
@given(reals, reals, reals)
def test_a_fused_product_and_sum_is_rounded_once(a: float, b: float, c: float) -> None:
    for dtype in ("float32", "float64"):
        x, y, z = (np.array([value], dtype) for value in (a, b, c))
        (found,) = fma(x, y, z)
        exact = Fraction(float(x[0])) * Fraction(float(y[0])) + Fraction(float(z[0]))
        if abs(exact) > np.finfo(dtype).max or 0 < abs(exact) < 2.0**100 * np.finfo(dtype).tiny:
            continue
        error = abs(Fraction(float(found)) - exact)
        for other in (np.nextafter(found, np.inf), np.nextafter(found, -np.inf)):
            assert np.isinf(other) or error <= abs(Fraction(float(other)) - exact)


def compiled_for(triple: str, name: str, f: Format) -> str:
    """Return the assembly of a function of one or two reals for another processor."""
    module, kind = ir.Module(), ir.FloatType() if f is SINGLE else ir.DoubleType()
    count = 2 if name in TWO else 1
    function = ir.Function(module, ir.FunctionType(kind, [kind] * count), name)
    builder = ir.IRBuilder(function.append_basic_block())
    values = (Traced(builder, value) for value in function.args)
    builder.ret(elementary.BODIES[name](*values, f).value)
    machine = binding.Target.from_triple(triple).create_target_machine(opt=3)
    return str(machine.emit_assembly(binding.parse_assembly(str(module))))


NOT_THERE = ("floor_divide", "remainder")
"""They call fmod of the C library."""
ON_GRAPHICS = [pair for pair in INLINE if pair[0] not in NOT_THERE and "reach" not in pair[0]]


@pytest.mark.parametrize(("name", "dtype"), ON_GRAPHICS)
def test_a_graphics_processor_gets_the_same_functions(name: str, dtype: str) -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    code = compiled_for("nvptx64-nvidia-cuda", name, FORMATS[dtype])
    assert "call" not in code
    assert "div.rn" in code if name == "ratio" else f"fma.rn.f{FORMATS[dtype].width}" in code
