"""One instruction, executed for many threads and compared with what Python computes exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.cuda.exact import bits_of, real, signed
from tests.cuda.ptx.launch import Fresh, run
from tests.cuda.ptx.types import PtxType, type_named
from tests.cuda.texts import THREAD, module, pointer

LANES = 64
PREFIX = {8: "%rs", 16: "%rs", 32: "%r", 64: "%rd"}


@dataclass(frozen=True)
class Case:
    """An instruction, the types of its sources and result, and what it computes from Python numbers."""

    name: str
    sources: tuple[str, ...]
    result: str
    oracle: Callable[..., Any]
    rest: str = ""
    """Operands behind the sources."""


def register(of: PtxType, number: int) -> str:
    if of.kind == "f":
        return f"%{'f' if of.bits == 32 else 'fd'}{number}"
    return f"{PREFIX[of.bits]}{number}"


def evaluated(case: Case, inputs: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Return the bits the interpreter gives for an instruction, a thread for each column of `inputs`."""
    types = [type_named(of) for of in case.sources]
    result = type_named(case.result)
    held = result if result.kind != "pred" else PtxType("u", 32)
    body = THREAD
    for number, of in enumerate(types):
        body += pointer(f"%rd{40 + number}", number, width=of.bytes)
        body += f"ld.global.{_plain(of)} {register(of, 10 + number)}, [%rd{40 + number}];\n"
    operands = ", ".join(register(of, 10 + number) for number, of in enumerate(types))
    target = "%p1" if result.kind == "pred" else register(result, 20)
    body += f"{case.name} {target}, {operands}{case.rest};\n"
    if result.kind == "pred":
        body += "selp.u32 %r20, 1, 0, %p1;\n"
    body += pointer("%rd50", len(types), width=held.bytes)
    body += f"st.global.{_plain(held)} [%rd50], {register(held, 20)};\n"
    out = np.zeros(LANES, held.storage)
    report = run(module(body, ["u64"] * (len(types) + 1)), 1, LANES, [*inputs, Fresh(out)])
    assert not report.findings, str(report)
    return out


def _plain(of: PtxType) -> str:
    return f"{'f' if of.kind == 'f' else 'u'}{of.bits}"


EDGES = {
    8: (0, 1, 0x7F, 0x80, 0xFF),
    16: (0, 1, 0x7FFF, 0x8000, 0xFFFF, 16, 31),
    32: (0, 1, 2, 31, 32, 33, 63, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x10000, 0x108),
    64: (0, 1, 2, 31, 32, 63, 64, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 32, (1 << 53) + 1),
}
REALS = (0.0, 1.0, 1.5, 2.5, 0.5, 0.1, 3.0, 255.5, 1e-3, 2.0**23, 2.0**24 + 2, 2.0**31, 2.0**32, 2.0**63)
EXTREME = {
    32: (0x7F800000, 0x7FC00000, 0x7F7FFFFF, 0x00800000, 0x007FFFFF, 1, 0x3F7FFFFF, 0x3F800001, 0x34000000),
    64: (
        0x7FF << 52,
        0x7FF8 << 48,
        (0x7FF << 52) - 1,
        1 << 52,
        (1 << 52) - 1,
        1,
        (0x3FF << 52) + 1,
        0x3CA << 52,
    ),
}


def drawn(of: PtxType, random: np.random.Generator) -> np.ndarray[Any, Any]:
    """Bits for every lane: edges, near one another, or any."""
    width = of.bits
    any_bits = [int(v) for v in random.integers(0, 1 << 32, 2 * LANES)]
    values = []
    for lane in range(LANES):
        bits = (any_bits[lane] << 32 | any_bits[LANES + lane]) % (1 << width)
        kind = lane % 4
        if of.kind == "f" and kind == 0:
            edge = int(random.choice(np.array(EXTREME[width], np.uint64)))
            bits = edge | (bits & (1 << (width - 1)))
        elif of.kind == "f" and kind == 1:
            bits = bits_of(float(random.choice(REALS)), width) | (bits & (1 << (width - 1)))
        elif of.kind == "f" and kind == 2:
            bits = bits_of(float(np.float32(random.normal() * 10.0 ** random.integers(-4, 5))), width)
        elif kind == 0:
            bits = int(random.choice(np.array(EDGES[width], np.uint64)))
        elif kind == 1:
            bits %= 40
        values.append(bits)
    return np.array(values, np.uint64).astype(of.storage)


def number(bits: int, of: PtxType) -> Any:
    """What the oracle gets: a Python float, or an integer with its sign."""
    if of.kind == "f":
        return real(bits, of.bits)
    return signed(bits, of.bits) if of.kind == "s" else bits


def agree(case: Case, seed: int) -> None:
    random = np.random.default_rng(seed)
    types = [type_named(of) for of in case.sources]
    inputs = [drawn(of, random) for of in types]
    found = evaluated(case, inputs)
    result = type_named(case.result)
    for lane in range(LANES):
        given_ = [number(int(column[lane]), of) for column, of in zip(inputs, types, strict=True)]
        expected = case.oracle(*given_)
        if result.kind == "f":
            got = real(int(found[lane]), result.bits)
            same = math.isnan(got) if math.isnan(expected) else bits_of(got, 64) == bits_of(expected, 64)
        else:
            got, expected = (
                int(found[lane]),
                int(expected) % (1 << (result.bits if result.kind != "pred" else 1)),
            )
            same = got == expected
        assert same, f"{case.name}{tuple(given_)}: {got!r}, not {expected!r}"
