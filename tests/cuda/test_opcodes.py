"""Every opcode of arithmetic against exact arithmetic, at edges and at random bits."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cuda import opcodes_float, opcodes_integer
from tests.cuda.evaluate import LANES, Case, agree, evaluated
from tests.cuda.exact import bits_of, real
from tests.cuda.ptx.launch import run
from tests.cuda.ptx.types import PtxError
from tests.cuda.texts import THREAD, module, pointer

CASES = [
    *opcodes_integer.integers(),
    *opcodes_integer.bits(),
    *opcodes_float.arithmetic(),
    *opcodes_float.finished(),
    *opcodes_float.conversions(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join((case.name, *case.sources)))
@settings(max_examples=2)  # of 64 numbers each
@given(seed=st.integers(0, 2**32 - 1))
def test_opcode(case: Case, seed: int) -> None:
    agree(case, seed)


APPROXIMATE: dict[str, Callable[[float], float]] = {
    "ex2.approx.f32": lambda a: 2.0**a,
    "lg2.approx.f32": lambda a: math.log2(a),
    "rcp.approx.ftz.f32": lambda a: 1 / a,
    "rsqrt.approx.f32": lambda a: 1 / math.sqrt(a),
    "sqrt.approx.ftz.f32": math.sqrt,
    "sin.approx.f32": math.sin,
    "cos.approx.f32": math.cos,
    "tanh.approx.f32": math.tanh,
}


@pytest.mark.parametrize("name", APPROXIMATE)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_approximate_functions_are_within_an_ulp(name: str, seed: int) -> None:
    values = np.exp(np.random.default_rng(seed).uniform(-6, 4.5, LANES)).astype(np.float32)
    found = evaluated(Case(name, ("f32",), "f32", float), [values.view(np.uint32)]).view(np.float32)
    for value, got in zip(values, found, strict=True):
        expected = np.float32(APPROXIMATE[name](float(value)))
        assert abs(got - expected) <= np.spacing(abs(expected)), (name, value)


def test_reciprocals_of_float64_are_approximate() -> None:
    """The hardware gives the upper half; code that forgets to refine them must not pass."""
    values = np.linspace(1.1, 7, LANES)
    for name, of in (("rcp", 1 / values), ("rsqrt", 1 / np.sqrt(values))):
        case = Case(f"{name}.approx.ftz.f64", ("f64",), "f64", float)
        found = evaluated(case, [values.view(np.uint64)])
        assert not (found & np.uint64(0xFFFFFFFF)).any()
        off = np.abs(found.view(np.float64) / of - 1)
        assert 1e-8 < off.max() < 2e-6


def test_fused_products_are_rounded_once() -> None:
    """Products whose rounding to float64 lies between two float32: a second rounding would go wrong."""
    a = np.full(LANES, 1 + 2.0**-12, np.float32)
    b = np.full(LANES, 1 + 2.0**-12, np.float32)
    c = np.full(LANES, 2.0**-60, np.float32)
    c[::2] *= -1
    case = Case("fma.rn.f32", ("f32",) * 3, "f32", float)
    found = evaluated(case, [v.view(np.uint32) for v in (a, b, c)]).view(np.float32)
    above = np.float32(1 + 2.0**-11 + 2.0**-23)
    assert (found[1::2] == above).all() and (found[::2] == np.float32(1 + 2.0**-11)).all()


WIDE = """
    ld.param.u64 %rd1, [p0];
    cvta.to.global.u64 %rd1, %rd1;
    mad.wide.u32 %rd1, %r0, 32, %rd1;
    ld.global.v2.u64 {%rd10, %rd11}, [%rd1];
    ld.global.v2.u64 {%rd12, %rd13}, [%rd1+16];
    mov.b64 {%r10, %r11}, %rd10;
    mov.b64 {%r12, %r13}, %rd11;
    mov.b64 {%r14, %r15}, %rd12;
    mov.b64 {%r16, %r17}, %rd13;
"""
STORED = """
    mov.b64 %rd20, {%r20, %r21};
    mov.b64 %rd21, {%r22, %r23};
    st.global.v2.u64 [%rd1], {%rd20, %rd21};
"""
CHAINS = {
    "add": "".join(
        f"add{'c' if k else ''}{'.cc' if k < 3 else ''}.u32 %r{20 + k}, %r{10 + k}, %r{14 + k};\n"
        for k in range(4)
    ),
    "sub": "".join(
        f"sub{'c' if k else ''}{'.cc' if k < 3 else ''}.u32 %r{20 + k}, %r{10 + k}, %r{14 + k};\n"
        for k in range(4)
    ),
    "mul": """
    mul.lo.u32 %r20, %r10, %r14;
    mul.hi.u32 %r21, %r10, %r14;
    mad.lo.cc.u32 %r21, %r11, %r14, %r21;
    madc.hi.u32 %r22, %r11, %r14, 0;
    mad.lo.cc.u32 %r21, %r10, %r15, %r21;
    madc.hi.cc.u32 %r22, %r10, %r15, %r22;
    addc.u32 %r23, 0, 0;
    mad.lo.cc.u32 %r22, %r11, %r15, %r22;
    madc.hi.u32 %r23, %r11, %r15, %r23;
""",
}


@pytest.mark.parametrize("name", CHAINS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_carries_make_wide_numbers(name: str, seed: int) -> None:
    """Numbers of 128 bits from words of 32, as the reduction of large angles does it."""
    random = np.random.default_rng(seed)
    words = random.integers(0, 2**32, (32, 8), np.uint32)
    words[random.random((32, 8)) < 0.4] = 0xFFFFFFFF
    words[random.random((32, 8)) < 0.2] = 0
    x = words.view(np.uint64).copy()
    report = run(module(THREAD + WIDE + CHAINS[name] + STORED), 1, 32, [x])
    assert not report.findings
    for lane in range(32):
        a, b = (int.from_bytes(words[lane, part : part + 4].tobytes(), "little") for part in (0, 4))
        if name == "mul":
            a, b = a % (1 << 64), b % (1 << 64)
        expected = {"add": a + b, "sub": a - b, "mul": a * b}[name] % (1 << 128)
        assert int.from_bytes(x[lane, :2].tobytes(), "little") == expected


@pytest.mark.parametrize("join", ["and", "or", "xor"])
def test_comparisons_join_a_predicate_and_give_both(join: str) -> None:
    body = (
        THREAD
        + f"""
    setp.gt.u32 %p2, %r0, 15;
    setp.lt.{join}.u32 %p0|%p1, %r0, 24, !%p2;
    selp.u32 %r4, 1, 0, %p0;
    selp.u32 %r5, 2, 0, %p1;
    or.b32 %r4, %r4, %r5;
"""
        + pointer("%rd1", 0)
        + "st.global.u32 [%rd1], %r4;"
    )
    out = np.zeros(32, np.uint32)
    run(module(body), 1, 32, [out])
    t = np.arange(32)
    function = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}[join]
    assert (out == function(t < 24, t <= 15) + 2 * function(t >= 24, t <= 15)).all()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("frob.u32 %r4, %r0;", "opcode frob.u32 is not known"),
        ("add.bf16 %r4, %r0, %r0;", "no type"),
        ("mul.u32 %r4, %r0, %r0;", "neither lo nor hi nor wide"),
        ("add.odd.u32 %r4, %r0, %r0;", "modifier .odd is not known for add"),
        ("mov.u32 %r4, %unknown;", "register %unknown is not known"),
        ("mov.u64 %rd1, nowhere;", "no variable 'nowhere'"),
        ("bra $nowhere;", "no such label"),
    ],
)
def test_what_is_not_known_is_named(line: str, why: str) -> None:
    with pytest.raises(PtxError, match=why.replace(".", r"\.")):
        run(module(THREAD + line), 1, 32, [np.zeros(1, np.float32)])


def test_real_and_bits_are_inverse() -> None:
    assert real(bits_of(-0.1, 64), 64) == -0.1 and bits_of(1.0, 32) == 0x3F800000
