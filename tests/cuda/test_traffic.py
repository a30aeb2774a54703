"""Traffic: coalesced and strided accesses, conflicts of banks, vectors; kernels that are meant to be good."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cuda.ptx.launch import Fresh, Report, run
from tests.cuda.ptx.traffic import Traffic
from tests.cuda.test_findings import AT, SHARED
from tests.cuda.texts import THREAD, module, pointer

N = 64


def measured(body: str, *, elements: int, outside: str = SHARED) -> Report:
    x = np.zeros(elements, np.float32)
    text = module(THREAD + body, outside=outside)
    return run(text, 1, N, [x], measure=True, names=["x"])


@pytest.mark.parametrize(("stride", "sectors"), [(1, 8), (2, 16), (8, 64), (32, 64), (0, 2)])
def test_sectors_of_strided_reads(stride: int, sectors: int) -> None:
    body = (
        f"mul.lo.u32 %r5, %r0, {stride};\n" + pointer("%rd1", 0, index="%r5") + "ld.global.f32 %f1, [%rd1];\n"
    )
    report = measured(body, elements=N * 32)
    assert report.traffic == {("x", "read"): Traffic(2, 4 * N, sectors, 8)}


def test_vectors_take_no_more_sectors() -> None:
    body = pointer("%rd1", 0, width=16) + "st.global.v4.f32 [%rd1], {%f1, %f1, %f1, %f1};\n"
    report = measured(body, elements=N * 4)
    assert report.traffic == {("x", "write"): Traffic(2, 16 * N, 32, 32)}


@pytest.mark.parametrize(("stride", "passes"), [(1, 2), (2, 4), (32, 64), (33, 2), (0, 2)])
def test_conflicts_of_banks(stride: int, passes: int) -> None:
    body = f"mov.u32 %r10, left;\nmad.lo.u32 %r11, %r1, {4 * stride}, %r10;\nld.shared.f32 %f1, [%r11];\n"
    report = measured(body, elements=1, outside=".shared .align 4 .b8 left[9000];\n")
    assert report.traffic["shared memory", "read"] == Traffic(2, 4 * N, passes, 2)


def test_vectors_of_shared_memory_go_by_quarters_of_a_warp() -> None:
    body = "mov.u32 %r10, left;\nmad.lo.u32 %r11, %r1, 16, %r10;\n"
    body += "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r11];\n"
    report = measured(body, elements=1, outside=".shared .align 16 .b8 left[1024];\n")
    assert report.traffic["shared memory", "read"] == Traffic(2, 16 * N, 8, 8)


def test_atomics_and_lanes_that_are_away() -> None:
    body = (
        "setp.ge.u32 %p0, %r1, 40;\n@%p0 ret;\n"
        + pointer("%rd1", 0)
        + "red.global.add.f32 [%rd1], 0f3F800000;\n"
    )
    report = measured(body, elements=N)
    entry = report.traffic["x", "atomic"]
    assert (entry.requests, entry.bytes, entry.units, entry.efficiency) == (2, 160, 5, 1.0)


def test_nothing_is_counted_unasked() -> None:
    out = np.zeros(32, np.float32)
    report = run(
        module(THREAD + AT + pointer("%rd1", 0) + "st.global.f32 [%rd1], %f1;\n", outside=SHARED),
        1,
        32,
        [Fresh(out)],
    )
    assert not report.traffic
