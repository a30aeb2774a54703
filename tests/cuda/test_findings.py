"""What goes wrong is found, named and told apart from what is right: small kernels written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.cuda.ptx.findings import Finding
from tests.cuda.ptx.launch import Argument, Fresh, Report, run
from tests.cuda.ptx.types import PtxError
from tests.cuda.texts import THREAD, module, pointer

STORE = pointer("%rd1", 0) + "st.global.u32 [%rd1], %r4;\n"
SHARED = ".shared .align 4 .b8 left[128];\n.shared .align 4 .b8 right[128];\n"
AT = """
    mov.u32 %r10, left;
    mad.lo.u32 %r11, %r1, 4, %r10;
"""
"""The address of the thread's own element of `left`, in 32 bits, in %r11."""


def executed(
    body: str,
    arguments: list[Argument] | None = None,
    *,
    grid: int = 1,
    block: int | tuple[int, ...] = 32,
    outside: str = SHARED,
    **options: Any,
) -> tuple[Report, np.ndarray[Any, Any]]:
    """Run a body; return the report and the first argument, by default as many numbers as threads."""
    out = np.zeros(grid * int(np.prod(block)), np.uint32)
    given: list[Argument] = [Fresh(out)] if arguments is None else arguments
    text = module(THREAD + body, ["u64"] * len(given), outside=outside)
    report = run(text, grid, block, given, **options)
    first = given[0]
    return report, first.array if isinstance(first, Fresh) else np.asarray(first)


def only(report: Report) -> Finding:
    assert len(report.findings) == 1, str(report)
    return report.findings[0]


def clean(report: Report) -> None:
    assert not report.findings, str(report)


@pytest.mark.parametrize(("shift", "thread", "offset"), [(4, 31, 128), (-4, 0, -4), (1 << 30, 0, 1 << 30)])
def test_an_access_outside_names_array_and_offset(shift: int, thread: int, offset: int) -> None:
    body = "mov.u32 %r4, 7;\n" + pointer("%rd1", 0) + f"st.global.u32 [%rd1+{shift}], %r4;\n"
    report, out = executed(body, [np.zeros(32, np.uint32)], names=["out"])
    found = only(report)
    assert (found.kind, found.array, found.offset, found.thread) == (
        "wrong address",
        "out",
        offset,
        (0, thread),
    )
    assert found.instruction.startswith("st.global.u32 [%rd1") and found.detail == "of 128 bytes"
    assert found.times == (32 if shift > 4 else 1)
    assert (out == 7).sum() == (0 if shift > 4 else 31)


def test_a_pointer_to_nothing_is_a_wrong_address() -> None:
    report, _ = executed("mov.u64 %rd1, 0;\n ld.global.u32 %r4, [%rd1+16];\n" + STORE)
    assert only(report).kind == "wrong address" and only(report).array == "no array"


def test_shared_arrays_do_not_reach_into_each_other() -> None:
    report, _ = executed(AT + "st.shared.u32 [%r11+4], %r1;\n mov.u32 %r4, 0;\n" + STORE)
    found = only(report)
    assert (found.kind, found.array, found.offset, found.thread) == ("wrong address", "left", 128, (0, 31))


def test_a_misaligned_vector_is_found() -> None:
    x = np.arange(64, dtype=np.float32)
    body = pointer("%rd1", 1, width=4) + "ld.global.v2.f32 {%f1, %f2}, [%rd1];\n mov.b32 %r4, %f2;\n" + STORE
    report, out = executed(body, [np.zeros(32, np.uint32), x])
    found = only(report)
    assert (found.kind, found.array, found.offset, found.detail) == (
        "misaligned access",
        "argument 1",
        4,
        "8 bytes",
    )
    assert found.times == 16 and (out[::2].view(np.float32) == x[1:33:2]).all()


def test_vectors_load_and_store_in_order() -> None:
    x = np.arange(128, dtype=np.float32)
    out = np.zeros(128, np.float32)
    body = (
        pointer("%rd2", 1, width=16)
        + "ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd2];\n"
        + pointer("%rd1", 0, width=16)
        + "st.global.v4.f32 [%rd1], {%f4, %f3, %f2, %f1};\n"
    )
    report, _ = executed(body, [Fresh(out), x])
    clean(report)
    assert (out.reshape(-1, 4) == x.reshape(-1, 4)[:, ::-1]).all()


def test_reads_that_nobody_wrote_are_found_and_poisoned() -> None:
    report, out = executed(AT + "ld.shared.u32 %r4, [%r11];\n" + STORE)
    assert (only(report).kind, only(report).array, only(report).times) == ("unwritten read", "left", 32)
    assert (out == 0xFFFFFFFF).all()
    body = pointer("%rd1", 1) + "ld.global.u32 %r4, [%rd1];\n" + STORE
    report, _ = executed(body, [np.zeros(32, np.uint32), Fresh(np.zeros(32, np.uint32))])
    assert (only(report).kind, only(report).array) == ("unwritten read", "argument 1")


EXCHANGE = (
    AT
    + """
    st.shared.u32 [%r11], %r1;
    BARRIER
    xor.b32 %r12, %r1, WHOM;
    mad.lo.u32 %r13, %r12, 4, %r10;
    ld.shared.u32 %r4, [%r13];
"""
    + STORE
)
BIG = ".shared .align 4 .b8 left[256];\n"


@pytest.mark.parametrize(
    ("barrier", "whom", "race"),
    [
        ("bar.sync 0;", 33, False),
        ("bar.warp.sync -1;", 1, False),
        ("bar.warp.sync -1;", 32, True),
        ("", 1, True),
        ("", 0, False),
        ("membar.cta;", 1, True),
    ],
)
def test_reading_what_another_thread_wrote_takes_a_barrier(barrier: str, whom: int, race: bool) -> None:
    body = EXCHANGE.replace("BARRIER", barrier).replace("WHOM", str(whom))
    report, out = executed(body, block=64, outside=BIG)
    if race:
        found = only(report)
        assert found.kind == "data race" and found.instruction.startswith("ld.shared")
        assert found.detail == f"with block 0, thread {whom}" and found.times == 64
    else:
        clean(report)
        assert (out == (np.arange(64) ^ whom)).all()


def test_writing_what_two_others_read_is_a_race_for_the_reader_in_between() -> None:
    """Threads 1 and 2 read a cell, then 2 writes it: with 1, not with itself."""
    body = (
        AT
        + """
    setp.eq.u32 %p0, %r1, 0;
    @%p0 st.shared.u32 [%r10], %r1;
    bar.sync 0;
    setp.ge.u32 %p1, %r1, FIRST;
    @%p1 ld.shared.u32 %r5, [%r10];
    setp.eq.u32 %p2, %r1, 31;
    @%p2 st.shared.u32 [%r10], %r1;
    mov.u32 %r4, 0;
"""
        + STORE
    )
    report, _ = executed(body.replace("FIRST", "30"))
    assert only(report).kind == "data race" and only(report).thread == (0, 31)
    clean(executed(body.replace("FIRST", "31"))[0])


def test_two_threads_that_write_one_cell_race() -> None:
    report, _ = executed(AT + "st.shared.u32 [%r10], %r1;\n mov.u32 %r4, 0;\n" + STORE)
    assert (only(report).kind, only(report).array, only(report).offset) == ("data race", "left", 0)


@pytest.mark.parametrize("how", ["write", "read", "atomic", "own"])
def test_blocks_are_not_ordered_by_barriers(how: str) -> None:
    """Each block writes its element; then one reads or writes that of the block before."""
    access = {
        "write": "st.global.u32 [%rd2], %r4;",
        "read": "ld.global.u32 %r5, [%rd2];",
        "atomic": "red.global.add.u32 [%rd2], 1;",
        "own": "ld.global.u32 %r5, [%rd1];",
    }[how]
    body = (
        "mov.u32 %r4, 5;\n"
        + STORE
        + "bar.sync 0;\nsetp.eq.u32 %p0, %r2, 0;\nsub.s32 %r6, %r0, 32;\n"
        + pointer("%rd2", 0, index="%r6").replace("mad.wide.u32", "@!%p0 mad.wide.u32")
        + f"@%p0 bra $end;\n{access}\n$end:"
    )
    report, _ = executed(body, grid=3)
    if how == "own":
        clean(report)
    else:
        assert only(report).kind == "data race" and only(report).thread == (1, 0)
        assert only(report).detail == "with block 0, thread 0"


def test_races_are_seen_across_waves_of_blocks() -> None:
    """More threads than run at once: the first and the last block write one cell."""
    grid = 40
    body = (
        "mov.u32 %r4, 5;\nsetp.eq.u32 %p0, %r2, 0;\nsetp.eq.or.u32 %p0, %r2, 39, %p0;\n"
        + "setp.eq.and.u32 %p0, %r1, 0, %p0;\n@!%p0 bra $end;\n"
        + pointer("%rd1", 0, index="0")
        + "st.global.u32 [%rd1], %r4;\n$end:"
    )
    report, _ = executed(body, [np.zeros(4, np.uint32)], grid=grid, block=1024)
    assert (only(report).kind, only(report).thread) == ("data race", (39, 0))


def test_bytes_next_to_each_other_are_no_race() -> None:
    out = np.zeros(32, np.uint8)
    report, _ = executed(
        pointer("%rd1", 0, width=1) + "cvt.u16.u32 %rs1, %r1;\nst.global.u8 [%rd1], %rs1;", [out]
    )
    clean(report)
    assert (out == np.arange(32)).all()


def test_a_barrier_in_a_branch_is_divergent() -> None:
    body = "mov.u32 %r4, 1;\nsetp.lt.u32 %p0, %r1, 40;\n@%p0 bra $end;\nbar.sync 0;\n$end:" + STORE
    report, out = executed(body, block=64)
    found = only(report)
    assert found.kind == "divergent barrier" and found.detail == "24 of 64 threads of the block came to it"
    assert found.thread == (0, 40) and (out == 1).all()
    clean(executed(body.replace("%r1, 40", "%r1, 64"), block=64)[0])


def test_two_barriers_in_two_branches_are_divergent() -> None:
    body = (
        "mov.u32 %r4, 1;\nsetp.lt.u32 %p0, %r1, 8;\n@%p0 bra $a;\nbar.sync 0;\nbra $b;\n$a:bar.sync 0;\n$b:"
        + STORE
    )
    report, _ = executed(body)
    assert [f.kind for f in report.findings] == ["divergent barrier"] * 2


def test_threads_that_ended_do_not_come_to_a_barrier() -> None:
    body = "mov.u32 %r4, 1;\nsetp.ge.u32 %p0, %r1, 30;\n@%p0 ret;\nbar.sync 0;\n" + STORE
    report, _ = executed(body)
    assert only(report).kind == "divergent barrier"
    assert only(report).detail == "30 of 32 threads of the block came to it"


def test_shuffles_take_values_of_lanes_that_are_there() -> None:
    body = "shfl.sync.down.b32 %r4, %r1, 1, 31, -1;\n" + STORE
    report, out = executed(body)
    clean(report)
    assert (out == [*range(1, 32), 31]).all()
    apart = "mov.u32 %r4, 0;\nsetp.ge.u32 %p0, %r1, 8;\n@%p0 bra $end;\n" + body.replace(
        STORE, "$end: bar.sync 0;\n" + STORE
    )
    report, _ = executed(apart)
    found = only(report)
    assert found.kind == "inactive lane" and "of its mask are elsewhere" in found.detail
    report, _ = executed(apart.replace("31, -1", "31, 0xFF"))
    assert (only(report).kind, only(report).detail, only(report).thread) == (
        "inactive lane",
        "from lane 8",
        (0, 7),
    )
    report, _ = executed(body.replace("-1", "0x7FFFFFFF"))
    assert "executed by a lane its mask does not name" in str(report)


def test_a_program_that_does_not_end_is_stopped() -> None:
    with pytest.raises(PtxError, match="more than 1000 steps; does it end"):
        executed("$again:\n bra $again;", limit=1000)


def test_a_trap_that_nobody_comes_to_does_nothing() -> None:
    body = "mov.u32 %r4, 1;\nsetp.gt.u32 %p0, %r1, LAST;\n@%p0 trap;\n" + STORE
    clean(executed(body.replace("LAST", "31"))[0])
    with pytest.raises(PtxError, match="line .*trap: a thread came to a trap"):
        executed(body.replace("LAST", "30"))


def test_findings_read_well() -> None:
    source = "def kernel(x):\n    # Y[i] = 2 X[i]\n    y[i] = 2 * x[i]\n"
    text = module(
        THREAD + ".loc 1 3 0\n" + pointer("%rd1", 0) + "st.global.u32 [%rd1], %r0;\n",
        outside='.file 1 "made.py"\n',
    )
    report = run(text, 1, 32, [np.zeros(30, np.uint32)], names=["Y"], source=source)
    lines = str(report).splitlines()
    assert lines[0] == "wrong address: Y at byte 120: of 120 bytes"
    assert lines[1].startswith("  line ") and lines[1].endswith("st.global.u32 [%rd1], %r0")
    assert lines[2:] == [
        "  in kernel, block 0, thread 30, and 1 times more",
        "  from made.py:3",
        "  computing Y[i] = 2 X[i]",
    ]
