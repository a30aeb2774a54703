"""Kernels that totality generates in float32: each form of each goes through both compilers.

For sm_80 and sm_90: PTX, machine code, no float64, no spill but a few bytes that buy room for one more block
on a multiprocessor, and so few registers that the largest block that is launched fits. What each takes is
printed: ``pytest -rP tests/cuda/test_generated.py``. Where time is short (the variable CI), each kernel is
compiled for one of the two, which its text decides.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence

import pytest

import symdl as sd
from symdl.run.cuda.compiler import translate
from symdl.run.runtime import Target
from tests.cuda.generated import Generated, generated
from tests.cuda.special import with_code
from tests.cuda.toolchain import ARCHITECTURES, assembled, float64_instructions, needs_compiler
from tests.totality import checks
from tests.totality.case import Case
from tests.totality.test_totality import FIRST, groups, named

pytestmark = needs_compiler
REGISTERS = 65536
"""Registers of a multiprocessor, which a block has to find room in."""
STEP = 8
"""Registers of a thread are given out so many at a time."""
TRADED = 64
"""Bytes that ptxas may spill, stores and loads, where one more block finds room for it: it is told how large
blocks are (``.maxntid``), and decides so for itself."""


@pytest.fixture(scope="session")
def seen() -> set[tuple[str, ...]]:
    """Texts of kernels that were looked at."""
    return set()


@groups(FIRST)
def test_kernels_go_through_both_compilers(cases: Sequence[Case], seen: set[tuple[str, ...]]) -> None:
    failures = []
    for case in with_code(cases):
        wanted = list(checks.first(case.build()))
        for kernel in generated(sd.compile(wanted, dtype="float32", target="cuda")):
            if kernel.key in seen:
                continue
            seen.add(kernel.key)
            for architecture in architectures(kernel):
                failures += [f"{case.id}, {text}" for text in wrong(kernel, architecture)]
    assert not failures, "\n".join(failures)


def architectures(kernel: Generated) -> Sequence[str]:
    """Return for which architectures a kernel is compiled here."""
    if not os.environ.get("CI"):
        return ARCHITECTURES
    return [ARCHITECTURES[zlib.crc32(repr(kernel.key).encode()) % len(ARCHITECTURES)]]


def wrong(kernel: Generated, architecture: str) -> list[str]:
    """Return what is wrong with a kernel; print what it takes."""
    text = translate(kernel.function, kernel.kinds, architecture, kernel.threads)
    (made,) = assembled(text, architecture)
    print(f"{kernel.function.__module__[-8:]} {kernel.name} {architecture}: {made.registers} registers, "
          f"{made.shared} bytes shared, {made.stack} on the stack")  # fmt: skip
    doubles = float64_instructions(text)
    found = []
    traded = made.spills and made.spills <= TRADED and gains_a_block(made.registers, kernel.threads)
    if made.spills and not traded:
        found.append(f"spills {made.spills} bytes")
    if made.stack and not traded and not kernel.has_angles:
        found.append(f"{made.stack} bytes of local memory")
    if doubles and not kernel.has_angles:
        found.append(f"float64: {doubles[0]}")
    if made.registers * kernel.threads > REGISTERS:
        found.append(f"{made.registers} registers for each of {kernel.threads} threads")
    if f".maxntid {kernel.threads}, 1, 1" not in text:
        found.append("the assembler is not told how large blocks are")
    return [f"{kernel.name} on {architecture}: {text}" for text in found]


def gains_a_block(registers: int, threads: int) -> bool:
    """Say whether fewer blocks would find room if a thread had a few more registers."""
    taken = -(-registers // STEP) * STEP * threads
    return REGISTERS // taken > REGISTERS // (taken + STEP * threads)


@pytest.mark.parametrize("case", [case for case in FIRST if case.order > 1][::8], ids=named)
def test_second_derivatives_agree_with_the_interpreter(case: Case, target: Target) -> None:
    n = case.sizes[0]
    if not with_code([case]):
        pytest.skip("a special function without code for a graphics processor")
    assert checks.Kernels.of([case], checks.second, n=n, target=target).failures(n) == []


@pytest.mark.parametrize("case", FIRST[3::8], ids=named)
def test_float32_agrees_with_the_interpreter(case: Case, target: Target) -> None:
    n = case.sizes[0]
    if not with_code([case]):
        pytest.skip("a special function without code for a graphics processor")
    assert checks.Kernels.of([case], checks.first, n=n, target=target, dtype="float32").failures(n) == []
