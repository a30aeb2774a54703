"""Loops that run across rows, in blocks that stay in the nearest cache.

Enters: loop trees with flat positions. Leaves: the same, with pairs of loops cut into blocks.

``for i: for j: B[i, j] = 2*A[j, i]`` takes a new cache line of ``A`` for every element, and has lost it when
the next ``i`` could use its neighbour. In blocks of 16 by 16 all of a line is used while it is there. Only
loops that store elements are cut: each is computed as before, so results keep their bits. Loops that call
functions are vectorised as long loops and stay so; `axis_order` lets them write along rows, and copies then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from symdl.lower.ir.integers import ZERO, Poly, constant, floor, linear, mod, of, substitute
from symdl.lower.ir.loops import Item, Let, Loop, Store, When, statements
from symdl.lower.ir.names import LoopVar, TensorId, Variable
from symdl.lower.ir.visitors import loaded, map_items, map_statement
from symdl.lower.work import calls_functions

_BLOCK = 16
"""Elements of a cache line of float32."""
_SHORTEST = 4 * _BLOCK
"""Loops that are known to be shorter stay as they are."""


def in_blocks(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the tree with loops that run across rows cut into blocks."""
    return tuple(made for item in items for made in _blocked(item))


def _blocked(item: Item) -> tuple[Item, ...]:
    if not isinstance(item, Loop | When):
        return (item,)
    inner = item.items[0]
    if isinstance(item, Loop) and isinstance(inner, Loop) and len(item.items) == 1 and _crosses(item, inner):
        return _cut(item, inner)
    return (replace(item, items=in_blocks(item.items)),)


def _crosses(outer: Loop[TensorId], inner: Loop[TensorId]) -> bool:
    """Say whether two loops only store, and neighbours along the outer one lie side by side somewhere."""
    if any(loop.kind != "serial" or (loop.extent.number or _SHORTEST) < _SHORTEST for loop in (outer, inner)):
        return False
    plain = (isinstance(item, Let | Store) and not calls_functions(item.body) for item in inner.items)
    if not all(plain):
        return False
    written = {item.target for item in inner.items if isinstance(item, Store)}
    reads = loaded(inner.items)
    stores = {item.where for item in inner.items if isinstance(item, Store)}
    if any(reads[tensor] - stores for tensor in written & reads.keys()):
        return False
    return any(_steps(where, outer.var, inner.var) for where in _places(inner))


def _places(loop: Loop[TensorId]) -> Iterator[Poly]:
    for places in loaded(loop.items).values():
        yield from (where[0] for where in places)
    for item in statements(loop.items):
        if isinstance(item, Store):
            yield item.where[0]


def _steps(where: Poly, outer: LoopVar, inner: LoopVar) -> bool:
    """Say whether a place moves by one with the outer variable and by a row with the inner one."""
    parts = linear(where)
    if parts is None:
        return False
    row = parts[0].get(inner, ZERO)
    return parts[0].get(outer) == constant(1) and row != ZERO and (row.number or _BLOCK) >= _BLOCK


def _cut(outer: Loop[TensorId], inner: Loop[TensorId]) -> tuple[Item, ...]:
    """Return loops over blocks, and those over what is left in rows and in columns."""
    block = constant(_BLOCK)
    down, across = outer.var.copy("block", 0), inner.var.copy("block", 0)
    rows, columns = (mod(loop.extent, block) for loop in (outer, inner))
    blocks = of(down) * _BLOCK, of(across) * _BLOCK

    def part(number: int, top: Poly, left: Poly, height: Poly, width: Poly) -> Item:
        i, j = outer.var.copy("block", number), inner.var.copy("block", number)
        items = _at(inner.items, {outer.var: of(i) + top, inner.var: of(j) + left})
        return replace(outer, var=i, extent=height, items=(replace(inner, var=j, extent=width, items=items),))

    whole = part(1, *blocks, block, block)
    strip: list[Item] = [replace(inner, var=across, extent=floor(inner.extent, block), items=(whole,))]
    if columns != ZERO:
        strip.append(part(2, blocks[0], inner.extent - columns, block, columns))
    made: list[Item] = [replace(outer, var=down, extent=floor(outer.extent, block), items=tuple(strip))]
    if rows != ZERO:
        made.append(part(3, outer.extent - rows, ZERO, rows, inner.extent))
    return tuple(made)


def _at(items: tuple[Item, ...], values: Mapping[Variable, Poly]) -> tuple[Item, ...]:
    def change(poly: Poly) -> Poly:
        return substitute(poly, values)

    return map_items(items, lambda statement: map_statement(statement, change), change)
