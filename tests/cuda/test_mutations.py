"""Kernels with one thing broken: every barrier dropped, access shifted, guard swapped is found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cuda.toolchain import needs_compiler

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'symdl[cuda-test]'")

from tests.cuda.kernels import KERNELS
from tests.cuda.ptx.types import PtxError
from tests.cuda.test_kernels import execute, text_of

pytestmark = needs_compiler

LOOSER = {"lt": "le", "gt": "ge", "ge": "gt", "le": "lt", "eq": "ne", "ne": "eq"}
ACCESS = re.compile(r"(?:ld|st|atom|red)\.[\w.]+\s[^;]*\[(%rd\d+)(?:\+(-?\d+))?\]")


def without_barriers(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"bar\.sync\s+0;", text):
        yield f"barrier at {found.start()}", text[: found.start()] + text[found.end() :]


def shifted(text: str) -> Iterator[tuple[str, str]]:
    """Every access moved on by one element."""
    for found in ACCESS.finditer(text):
        if ".param" in found[0] or ".local" in found[0]:
            continue
        width = 8 if "64" in found[0].split()[0] else 4
        moved = found[0][: found[0].index("[")] + f"[{found[1]}+{int(found[2] or 0) + width}]"
        moved += found[0][found[0].index("]") + 1 :]
        yield found[0], text[: found.start()] + moved + text[found.end() :]


def swapped(text: str) -> Iterator[tuple[str, str]]:
    """Every comparison of integers made looser or stricter by one, or turned round."""
    for found in re.finditer(r"setp\.(lt|le|gt|ge|eq|ne)\.([us]\d+)", text):
        yield found[0], text[: found.start()] + f"setp.{LOOSER[found[1]]}.{found[2]}" + text[found.end() :]


NEEDLESS = {"scan": 1}
"""After the last step of the scan every thread reads what it wrote itself."""


@pytest.mark.parametrize("name", ["softmax", "gemm", "partial_sums", "scan", "histogram"])
def test_every_barrier_is_missed(name: str) -> None:
    mutants = list(without_barriers(text_of(name)))
    kinds = [{finding.kind for finding in execute(KERNELS[name], text)[0].findings} for _, text in mutants]
    needed = len(mutants) - NEEDLESS.get(name, 0)
    assert needed > 0
    assert all("data race" in found for found in kinds[:needed])
    assert not any(kinds[needed:])


def survivors(name: str, mutants: Iterator[tuple[str, str]]) -> list[str]:
    """Return the mutants that neither find anything nor compute anything else nor run for ever."""
    left, tried = [], 0
    for what, text in mutants:
        tried += 1
        try:
            report, off = execute(KERNELS[name], text, limit=20_000)
        except PtxError as error:
            assert "does it end" in str(error)
            continue
        if not report.findings and off <= KERNELS[name].tolerance:
            left.append(what)
    assert tried
    return left


@pytest.mark.parametrize("name", ["gemm", "scan", "histogram", "partial_sums", "softmax_warp", "private"])
def test_every_shifted_access_shows(name: str) -> None:
    assert not survivors(name, shifted(text_of(name)))


@pytest.mark.parametrize("name", ["scan", "histogram", "private"])
def test_every_swapped_guard_shows(name: str) -> None:
    assert not survivors(name, swapped(text_of(name)))


def test_a_guard_that_lets_one_more_in_names_array_and_equation() -> None:
    """Of 50 elements, one too many."""
    kernel = KERNELS["private"]
    text = re.sub(
        r"setp\.(lt|ge)\.u32(.*?%r\d+), %r(\d+);", r"setp.\1.u32\2, 51;", text_of("private"), count=1
    )
    assert text != text_of("private")
    report, _ = execute(kernel, text)
    wrong = next(f for f in report.findings if f.kind == "wrong address")
    assert (wrong.array, wrong.thread) == ("argument 0", (0, 50))
    assert wrong.offset in range(800, 816, 4)
    assert wrong.equation.startswith("y[i] = sum_k k x[")
    assert wrong.place.file.endswith("kernels.py")
    assert "kept[k] = x[" in Path(wrong.place.file).read_text("utf-8").splitlines()[wrong.place.source - 1]
    assert f"wrong address: argument 0 at byte {wrong.offset}: of 800 bytes" in str(report)
