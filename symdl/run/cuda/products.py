"""Matrix products that no other equation joins.

Enters: a type of reals, a launcher. Leaves: `multiplier`, which launches a row of matrix products. A library
does it where there is one; else the tiling follows the sizes, and kernels are of `symdl.emit.cuda.products`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from symdl.emit.cuda.products import ARRAYS, SIZES, TRANSPOSED, module
from symdl.lower.cuda.tiles import ALL_TILINGS, PIECES, TOGETHER
from symdl.run import modules
from symdl.run.cuda.choice import BLOCK, Choice, chosen_tiles
from symdl.run.cuda.cublas import Matrix, Product
from symdl.run.cuda.launching import Launcher, kind_of


def kinds(dtype: str, size: str = "uint32") -> tuple[str, ...]:
    """Return the types of the arguments of a product, for a type of sizes."""
    return (*[f"{dtype}*"] * len(ARRAYS), *[size] * len(SIZES), dtype)


@cache
def products(dtype: str) -> dict[str, Callable[..., None]]:
    """Return the kernels for a type of reals, by their names."""
    from symdl.run.cuda.kept import foundation

    made: dict[str, Callable[..., None]] = modules.load(module(dtype), foundation()).kernels
    return made


def product(dtype: str, factor: float, line: Sequence[int], pointers: Any, numbers: Sequence[int]) -> Product:
    """Return what a row asks for, as a library is told."""
    m, n, k, *leads, outer, inner = numbers[:8]
    starts, outers, inners = numbers[8:11], numbers[11:14], numbers[14:17]
    size, turned = np.dtype(dtype).itemsize, (bool(line[4] & 1), bool(line[4] & 2), False)
    places = [pointers[at] + start * size for at, start in zip(line[:3], starts, strict=True)]
    each = zip(places, leads, outers, inners, turned, strict=True)
    left, right, result = (Matrix(*one) for one in each)
    return Product(dtype, factor, left, right, result, (m, n, k), (outer, inner))


def further(dtype: str, size: str = "uint32") -> tuple[str, ...]:
    """Return the types of what kernels are given besides that are done in pieces."""
    return f"{dtype}*", size, size


def in_pieces(
    launcher: Launcher,
    functions: Mapping[str, Callable[..., None]],
    name: str,
    types: Sequence[str],
    arguments: Sequence[Any],
    choice: Choice,
    dtype: str,
) -> None:
    """Launch a kernel twice: for the sums of pieces, and for what they make together and its epilogue."""
    room = launcher.workspace(choice.pieces * choice.results * np.dtype(dtype).itemsize)
    made = (*types, *further(dtype, kind_of((choice.pieces, choice.stretch))))
    given = (*arguments, room, choice.pieces, choice.stretch)
    both = ((PIECES, choice.blocks), (TOGETHER, -(-choice.results // BLOCK)))

    def put() -> None:
        for form, blocks in both:
            launcher.launch(functions[f"{name}_{form}"], made, given, grid=launcher.blocks(blocks))

    launcher.in_a_row(put)


def multiplier(dtype: str, launcher: Launcher) -> Callable[..., None]:
    """Return what launches a row of matrix products."""

    def multiply(line: Any, pointers: Any, sizes: Any, factors: Any, blas: Any) -> None:
        numbers = [int(sizes[at]) for at in line[6:23]]
        rows, columns, length, _, _, _, outer, inner = numbers[:8]
        if min(rows, columns, outer, inner) < 1:
            return
        if launcher.multiply(product(dtype, float(factors[line[4]]), line[1:6], pointers, numbers)):
            return
        choice = chosen_tiles(outer * inner, rows, columns, length, ALL_TILINGS)
        functions, name = products(dtype), f"multiply{TRANSPOSED[int(line[5])]}"
        arguments = [*(pointers[at] for at in line[1:4]), *numbers, factors[line[4]]]
        types, grid = kinds(dtype, kind_of(numbers)), launcher.blocks(choice.blocks)
        if choice.pieces > 1:
            in_pieces(launcher, functions, name, types, arguments, choice, dtype)
        else:
            made = functions[f"{name}_{choice.form}"]
            launcher.launch(made, types, arguments, grid=grid, block=choice.threads)

    return multiply
