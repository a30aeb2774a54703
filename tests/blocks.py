"""Sizes around every block size.

Enters: nothing but the package's own source. Leaves: `block_sizes`, every number by which the rooms that cut
work into blocks may cut it, and `around`, the sizes at which a block, a rest or a border can be forgotten.

Nobody keeps a list: a block size is a whole number that a module of these rooms gives a name (alone, in a
tuple, or in a record as that of a tiling), one that follows from the registers of this machine, or one that
the cuts of a batch have. That takes in numbers that mean something else; a few sizes too many cost little.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np

import symdl
from symdl.run.cpu.gemm.dispatch import registers
from symdl.run.cpu.limits import WIDTHS
from symdl.schedule.block_sizes import layout_blocks, sample_blocks

ROOMS = ("schedule", "lower", "emit", "run")
_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift,
}


def around(smallest: int, largest: int) -> list[int]:
    """Return ``B-1, B, B+1, 2B+1`` for all block sizes from `smallest` to `largest`, and 1."""
    found = {1}
    for size in block_sizes():
        if smallest <= size <= largest:
            found |= {size - 1, size, size + 1, 2 * size + 1}
    return sorted(found - {0})


@cache
def block_sizes() -> frozenset[int]:
    """Return every number of elements that may be a block of something."""
    found = {number for numbers in named_numbers().values() for number in numbers}
    vector, rows = registers()
    lanes = [vector // np.dtype(dtype).itemsize for dtype in ("float32", "float64")]
    found |= {rows, *(lane * width for lane in lanes for width in WIDTHS)}
    return frozenset(size for size in found | _cuts_of_a_batch() if size > 1)


def _cuts_of_a_batch(most: int = 2048) -> set[int]:
    """Return the sizes of blocks of batches, and the batches from which on there are more or others."""
    found: set[int] = set()
    for cut in (layout_blocks, sample_blocks, lambda count: sample_blocks(count, 4)):
        before: list[tuple[int, int]] = []
        for count in range(1, most):
            blocks = cut(count)
            size = blocks[0][1] - blocks[0][0]
            if len(blocks) > 1 and (not before or before[0][1] != size):
                found |= {size, count}
            before = blocks
    return found


@cache
def named_numbers() -> dict[str, tuple[int, ...]]:
    """Return the whole numbers that modules give names, by ``path:name``."""
    root = Path(symdl.__file__).parent
    found = {}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            known: dict[str, int] = {}
            for name, value in _assigned(ast.parse(path.read_text(encoding="utf-8"))):
                numbers = tuple(_numbers(value, known))
                if len(numbers) == 1:
                    known[name] = numbers[0]
                if numbers:
                    found[f"{path.relative_to(root).as_posix()}:{name}"] = numbers
    return found


def _assigned(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Return what a module gives names at its top, with these names."""
    for statement in module.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        value = statement.value
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            if isinstance(target, ast.Name):
                yield target.id, value
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = zip(target.elts, value.elts, strict=True)
                yield from ((name.id, part) for name, part in pairs if isinstance(name, ast.Name))


def _numbers(value: ast.expr, known: Mapping[str, int]) -> Iterator[int]:
    """Return the whole numbers of a value: itself, the parts of a tuple, the arguments of a record."""
    if isinstance(value, ast.Constant) and type(value.value) is int:
        yield value.value
    elif isinstance(value, ast.Name) and value.id in known:
        yield known[value.id]
    elif isinstance(value, ast.BinOp) and type(value.op) in _OPERATORS:
        left, right = list(_numbers(value.left, known)), list(_numbers(value.right, known))
        if len(left) == len(right) == 1:
            yield _OPERATORS[type(value.op)](left[0], right[0])
    elif isinstance(value, ast.Tuple):
        for part in value.elts:
            yield from _numbers(part, known)
    elif isinstance(value, ast.Call):
        for part in (*value.args, *(keyword.value for keyword in value.keywords)):
            yield from _numbers(part, known)
