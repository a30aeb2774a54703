"""Warps and atomics, calls, tables, generic addresses: what several threads or several functions do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cuda.ptx.launch import Fresh, run
from tests.cuda.ptx.types import PtxError
from tests.cuda.test_findings import STORE, clean, executed, only
from tests.cuda.texts import THREAD, module, pointer


def source_lane(mode: str, lane: int, amount: int, width: int) -> int:
    """As CUDA's guide describes shuffles within groups of `width` lanes."""
    start = lane // width * width
    if mode == "idx":
        return start + amount % width
    if mode == "up":
        return lane - amount if lane - start >= amount else lane
    if mode == "down":
        return lane + amount if lane - start + amount < width else lane
    return lane ^ amount if (lane ^ amount) < start + width else lane


@pytest.mark.parametrize("mode", ["idx", "up", "down", "bfly"])
@given(amount=st.integers(0, 31), power=st.integers(0, 5))
@settings(max_examples=8)
def test_shuffles_stay_in_their_segments(mode: str, amount: int, power: int) -> None:
    width = 1 << power
    clamp = ((32 - width) << 8) | (0 if mode == "up" else 31)
    body = f"shfl.sync.{mode}.b32 %r4|%p1, %r0, {amount}, {clamp}, -1;\n selp.u32 %r5, 1000, 0, %p1;\n"
    report, out = executed(body + "add.u32 %r4, %r4, %r5;\n" + STORE, block=64)
    clean(report)
    lanes = [source_lane(mode, thread % 32, amount, width) for thread in range(64)]
    assert (out % 1000 == [thread // 32 * 32 + lane for thread, lane in enumerate(lanes)]).all()
    moved = [lane != thread % 32 for thread, lane in enumerate(lanes)]
    assert (out >= 1000)[moved].all()


@pytest.mark.parametrize("block", [32, 48, 96])
@given(chosen=st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_votes_ask_every_lane_of_the_warp(block: int, chosen: int) -> None:
    body = f"""
    shr.u32 %r5, {chosen}, %r1;
    and.b32 %r5, %r5, 1;
    setp.ne.u32 %p1, %r5, 0;
    mov.u32 %r6, %laneid;
    vote.sync.ballot.b32 %r4, %p1, -1;
    vote.sync.any.pred %p2, %p1, -1;
    vote.sync.all.pred %p3, %p1, -1;
    vote.sync.uni.pred %p4, !%p1, -1;
    popc.b32 %r7, %r4;
    @!%p2 add.u32 %r7, %r7, 100;
    @%p3 add.u32 %r7, %r7, 200;
    @%p4 add.u32 %r7, %r7, 400;
    activemask.b32 %r8;
    popc.b32 %r8, %r8;
    mad.lo.u32 %r4, %r8, 1000, %r7;
"""
    report, out = executed(body + STORE, block=block)
    clean(report)
    bits = np.array([chosen >> t & 1 if t < 32 else 0 for t in range(block)])
    for start in range(0, block, 32):
        warp = bits[start : start + 32]
        expected = warp.sum() + 100 * (not warp.any()) + 200 * warp.all() + 400 * (warp.min() == warp.max())
        assert (out[start : start + 32] == expected + 1000 * len(warp)).all()


def test_active_lanes_are_those_in_the_branch() -> None:
    body = "mov.u32 %r4, 0;\nsetp.lt.u32 %p0, %r1, 5;\n@%p0 bra $end;\nactivemask.b32 %r4;\n$end:" + STORE
    _, out = executed(body)
    assert (out[5:] == 0xFFFFFFE0).all() and not out[:5].any()


MEETING = """
    bra $start;
$meet:
    shfl.sync.bfly.b32 %r4, %r5, 1, 31, MASK;
    bra $done;
$start:
    mov.u32 %r5, 7;
    setp.lt.u32 %p0, %r1, 9;
    @%p0 bra $meet;
    mov.u32 %r5, %r1;
    @%p1 ret;
    bra $meet;
$done:
"""


def test_lanes_that_come_early_wait_for_the_others() -> None:
    """The first lanes jump back to a shuffle; the others come later by another way, or have ended."""
    early = "setp.gt.u32 %p1, %r1, LAST;\n" + MEETING.replace("MASK", "-1")
    report, out = executed(early.replace("LAST", "64") + STORE, block=64)
    clean(report)
    came = np.where(np.arange(64) < 9, 7, np.arange(64))
    assert (out == came[np.arange(64) ^ 1]).all()
    report, _ = executed(early.replace("LAST", "39") + STORE, block=64)
    clean(report)
    report, _ = executed(early.replace("LAST", "40") + STORE, block=64)
    assert (only(report).kind, only(report).detail) == ("inactive lane", "from lane 9")


def test_lanes_match_and_reduce() -> None:
    body = """
    rem.u32 %r5, %r1, 3;
    match.any.sync.b32 %r4, %r5, -1;
    match.all.sync.b32 %r6|%p1, %r5, -1;
    match.all.sync.b32 %r7|%p2, %r2, -1;
    redux.sync.add.u32 %r8, %r1, -1;
    redux.sync.max.s32 %r9, %r1, -1;
    @%p1 mov.u32 %r4, 0;
    @!%p2 mov.u32 %r4, 0;
    add.u32 %r4, %r4, %r6;
    sub.u32 %r4, %r4, %r7;
    add.u32 %r4, %r4, %r8;
    add.u32 %r4, %r4, %r9;
"""
    report, out = executed(body + STORE)
    clean(report)
    t = np.arange(32)
    same = [sum(1 << int(u) for u in t if u % 3 == v % 3) for v in t]
    assert (out.astype(np.int64) == (np.array(same) + 1 + 496 + 31) % 2**32).all()


def test_barriers_count_the_votes_of_a_block() -> None:
    body = """
    setp.lt.u32 %p1, %r1, 10;
    bar.red.popc.u32 %r4, 0, %p1;
    bar.red.or.pred %p2, 0, %p1;
    bar.red.and.pred %p3, 0, %p1;
    setp.lt.u32 %p4, %r1, 64;
    bar.red.and.pred %p5, 0, %p4;
    @%p2 add.u32 %r4, %r4, 100;
    @%p3 add.u32 %r4, %r4, 200;
    @%p5 add.u32 %r4, %r4, 400;
"""
    report, out = executed(body + STORE, block=64, grid=2)
    clean(report)
    assert (out == 510).all()


ATOMICS: dict[str, tuple[Callable[[list[Any]], Any], int]] = {
    "add.u32": (sum, 0),
    "min.s32": (min, 9),
    "max.u32": (max, 0),
    "or.b32": (lambda v: np.bitwise_or.reduce(v), 0),
    "and.b32": (lambda v: np.bitwise_and.reduce(v), 0xFFFFFFFF),
    "xor.b32": (lambda v: np.bitwise_xor.reduce(v), 0),
    "exch.b32": (lambda v: v[-1], 0),
}


@pytest.mark.parametrize("name", ATOMICS)
@pytest.mark.parametrize("space", ["global", "shared"])
def test_atomics_take_turns(name: str, space: str) -> None:
    """Threads t change cell t mod 3; what they got before are the values in between."""
    join, start = ATOMICS[name]
    at = pointer("%rd2", 1, index="%r5")
    if space == "shared":
        at = "mov.u64 %rd2, left;\nmad.wide.u32 %rd2, %r5, 4, %rd2;\n"
        at += f"setp.lt.u32 %p0, %r1, 3;\n mov.u32 %r9, {start};\n"
        at += "mov.u64 %rd3, left;\nmad.wide.u32 %rd3, %r1, 4, %rd3;\n"
        at += "@%p0 st.shared.u32 [%rd3], %r9;\nbar.sync 0;\n"
    body = f"rem.u32 %r5, %r1, 3;\n{at}atom.{space}.{name} %r4, [%rd2], %r1;\n"
    end = ""
    if space == "shared":
        end = "bar.sync 0;\n" + pointer("%rd2", 1, index="%r1") + "@%p0 ld.shared.u32 %r9, [%rd3];\n"
        end += "@%p0 st.global.u32 [%rd2], %r9;\n"
    cells = np.full(3, start, np.uint32)
    report, out = executed(body + STORE + end, [np.zeros(60, np.uint32), cells], block=60)
    clean(report)
    for cell in range(3):
        values = [int(t) for t in range(60) if t % 3 == cell]
        seen = start
        for t in values:
            assert out[t] == seen, (t, out[t])
            seen = int(join([seen, t]))
        assert cells[cell] == seen


@pytest.mark.parametrize(("of", "dtype"), [("f32", np.float32), ("f64", np.float64)])
def test_floats_add_atomically_and_in_order(of: str, dtype: Any) -> None:
    x = np.random.default_rng(0).normal(size=64).astype(dtype)
    total = np.zeros(1, dtype)
    f, width = ("%f1", 4) if of == "f32" else ("%fd1", 8)
    body = (
        pointer("%rd1", 1, width=width)
        + f"ld.global.{of} {f}, [%rd1];\n"
        + pointer("%rd2", 0, index="0")
        + f"red.global.add.{of} [%rd2], {f};\n"
    )
    report, _ = executed(body, [total, x], block=32, grid=2)
    clean(report)
    expected = dtype(0)
    for value in x:
        expected += value
    assert total[0] == expected


def test_compare_and_swap_in_a_loop_multiplies() -> None:
    """Lanes that lost try again, as long as it takes."""
    body = (
        pointer("%rd2", 0, index="0")
        + """
    ld.volatile.global.u32 %r5, [%rd2];
$again:
    mul.lo.u32 %r6, %r5, 3;
    atom.global.cas.b32 %r7, [%rd2], %r5, %r6;
    setp.ne.u32 %p1, %r7, %r5;
    mov.u32 %r5, %r7;
    @%p1 bra $again;
"""
    )
    out = np.ones(1, np.uint32)
    report, _ = executed(body, [out], block=20)
    clean(report)
    assert out[0] == 3**20 % 2**32
    report, _ = executed(body.replace(".volatile", ""), [np.ones(1, np.uint32)], block=2)
    assert only(report).kind == "data race"  # a plain load is not ordered with the atomics of others


def test_wrapping_counters() -> None:
    out = np.array([2, 0], np.uint32)
    inc = pointer("%rd2", 0, index="0") + "red.global.inc.u32 [%rd2], 4;\nred.global.dec.u32 [%rd2+4], 6;\n"
    clean(executed(inc, [out], block=9)[0])
    assert list(out) == [(2 + 9) % 5, 5]


FUNCTION = """
.func (.param .b32 func_retval0) half(.param .b32 half_param_0)
{
    .reg .f32 %f<3>;
    .reg .pred %p<2>;
    ld.param.f32 %f1, [half_param_0];
    setp.lt.f32 %p1, %f1, 0f40000000;
    @%p1 bra $small;
    mul.f32 %f1, %f1, 0f3F000000;
    st.param.f32 [func_retval0+0], %f1;
    ret;
$small:
    neg.f32 %f1, %f1;
    st.param.f32 [func_retval0+0], %f1;
    ret;
}
.func (.param .b32 func_retval0) twice(.param .b32 twice_param_0)
{
    .reg .f32 %f<3>;
    ld.param.f32 %f1, [twice_param_0];
    { .param .b32 param0; st.param.f32 [param0+0], %f1; .param .b32 retval0;
      call.uni (retval0), half, (param0); ld.param.f32 %f2, [retval0+0]; }
    { .param .b32 param0; st.param.f32 [param0+0], %f2; .param .b32 retval0;
      call.uni (retval0), half, (param0); ld.param.f32 %f2, [retval0+0]; }
    st.param.f32 [func_retval0+0], %f2;
    ret;
}
"""
CALL = (
    "cvt.rn.f32.u32 %f1, %r0;\n"
    "{ .param .b32 param0; st.param.f32 [param0+0], %f1; .param .b32 retval0;\n"
    "  call.uni (retval0), twice, (param0); ld.param.f32 %f2, [retval0+0]; }\n"
    "mov.b32 %r4, %f2;\n"
)


def test_functions_call_functions() -> None:
    report, out = executed(CALL + STORE, outside=FUNCTION)
    clean(report)

    def half(x: float) -> float:
        return -x if x < 2 else x / 2

    assert list(out.view(np.float32)) == [half(half(float(t))) for t in range(32)]
    with pytest.raises(PtxError, match="recursion"):
        executed(CALL + STORE, outside=FUNCTION.replace("half, (param0)", "twice, (param0)"))
    with pytest.raises(PtxError, match="nothere has no body"):
        executed(CALL.replace("twice", "nothere") + STORE, outside=FUNCTION)


def test_tables_jumps_and_generic_addresses() -> None:
    outside = (
        ".const .align 4 .u32 table[4] = {10, 20, 30, 40};\n"
        ".global .align 8 .f64 real[2] = {0d3FF8000000000000, 2.5};\n"
        ".shared .align 4 .b8 left[256];\n"
    )
    body = """
    .local .align 4 .b8 mine[16];
    rem.u32 %r5, %r1, 4;
    $jumps: .branchtargets $zero, $one, $two, $three;
    brx.idx %r5, $jumps;
$zero:
    mov.u64 %rd1, mine; cvta.local.u64 %rd1, %rd1; st.u32 [%rd1+4], %r1; ld.local.u32 %r4, [mine+4];
    bra.uni $end;
$one:
    mov.u64 %rd1, table; cvta.const.u64 %rd1, %rd1; ld.u32 %r4, [%rd1+8];
    bra.uni $end;
$two:
    mov.u64 %rd1, left; cvta.shared.u64 %rd2, %rd1; mad.wide.u32 %rd2, %r1, 4, %rd2;
    st.u32 [%rd2], 77; cvta.to.shared.u64 %rd3, %rd2; ld.shared.u32 %r4, [%rd3];
    bra.uni $end;
$three:
    ld.global.f64 %fd1, [real]; ld.global.f64 %fd2, [real+8]; add.f64 %fd1, %fd1, %fd2;
    cvt.rzi.u32.f64 %r4, %fd1;
$end:
"""
    report, out = executed(body + STORE, outside=outside)
    clean(report)
    t = np.arange(32)
    assert (out == np.choose(t % 4, [t, 30, 77, 4])).all()


def test_dynamic_shared_memory_has_the_size_of_the_launch() -> None:
    outside = ".extern .shared .align 16 .b8 dynamic[];\n"
    body = "mov.u64 %rd2, dynamic;\nmad.wide.u32 %rd2, %r1, 4, %rd2;\nst.shared.u32 [%rd2], %r1;\n"
    body += "ld.shared.u32 %r4, [%rd2];\n" + STORE
    clean(executed(body, outside=outside, shared=128)[0])
    found = executed(body, outside=outside, shared=124)[0].findings
    assert {(f.kind, f.array, f.offset) for f in found} == {("wrong address", "dynamic", 124)}


def test_grids_and_blocks_have_three_sizes() -> None:
    names = [f"%{what}.{axis}" for what in ("tid", "ntid", "ctaid", "nctaid") for axis in "xyz"]
    body = (
        "".join(f"mov.u32 %r{30 + k}, {name};\n" for k, name in enumerate(names))
        + """
    mad.lo.u32 %r4, %r38, %r40, %r37;
    mad.lo.u32 %r4, %r4, %r39, %r36;
    mad.lo.u32 %r4, %r4, %r35, %r32;
    mad.lo.u32 %r4, %r4, %r34, %r31;
    mad.lo.u32 %r4, %r4, %r33, %r30;
"""
    )
    out = np.zeros(2 * 3 * 2 * 4 * 3 * 2, np.uint32)
    text = module(body + pointer("%rd1", 0, index="%r4") + "st.global.u32 [%rd1], %r4;\n")
    report = run(text, (2, 3, 2), (4, 3, 2), [Fresh(out)])
    clean(report)
    assert (out == np.arange(len(out))).all()


def test_guarded_steps_and_narrow_registers() -> None:
    x = np.array([-1, 5, -128, 127] * 8, np.int8)
    body = (
        pointer("%rd1", 1, width=1)
        + "ld.global.s8 %r4, [%rd1];\nld.global.u8 %rs1, [%rd1];\ncvt.u32.u16 %r5, %rs1;\n"
        + "setp.lt.u32 %p1, %r1, 4;\n@%p1 mov.u32 %r4, %r5;\n"
        + STORE
    )
    report, out = executed(body, [np.zeros(32, np.uint32), x])
    clean(report)
    assert list(out[:4]) == [255, 5, 128, 127] and list(out[4:8].view(np.int32)) == [-1, 5, -128, 127]


def test_threads_are_numbered() -> None:
    report, out = executed("mov.u32 %r4, %r0;\n" + STORE, grid=3)
    clean(report)
    assert (out == np.arange(96)).all() and THREAD
