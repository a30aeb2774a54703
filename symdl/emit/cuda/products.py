"""The module for matrix products that no other equation joins.

Enters: a type of reals. Leaves: `kernels`, loop nests for ``result = factor * left @ right`` for a batch of
matrices along two axes, either of which may be transposed; and the source of a module that has them in tiles.
"""

from __future__ import annotations

from symdl.emit.cuda.syntax import CUDA
from symdl.emit.cuda.tiles import in_tiles
from symdl.emit.inspect import inspect_source
from symdl.emit.names import Names, put_in
from symdl.emit.source import KernelText
from symdl.lower.cuda.teams import work
from symdl.lower.cuda.tiles import ALL_TILINGS, matrix_product
from symdl.lower.ir.integers import Element, Poly, of
from symdl.lower.ir.loops import Fold, KernelItem, Loop, Start, Stated, Store
from symdl.lower.ir.names import Local, LoopVar, Param, Slot
from symdl.lower.ir.scalars import Body, Node
from symdl.templating import template

ARRAYS = ("left_matrix", "right_matrix", "result")
SIZES = (
    *("size_i", "size_j", "size_k", "left_lead", "right_lead", "lead", "batch", "inner_batch"),
    *(f"{name}_{axis}" for axis in ("offset", "outer", "inner") for name in ("left", "right", "result")),
)
"""The order of a launch list's sizes (`symdl.emit.operations.Operation`); the factor comes after them."""
TRANSPOSED = ("", "_left_transposed", "_right_transposed", "_both_transposed")
"""What names end in, by the number in the launch list."""
_STATED = "result[p,q,i,j] = factor * sum_{k} left[p,q,i,k]*right[p,q,k,j]"


def items(transposed: int) -> tuple[KernelItem, ...]:
    """Return the loop nest of a product: 1 if the left matrix is transposed, 2 if the right one is."""
    sizes = {name: of(Param(at)) for at, name in enumerate(SIZES)}
    loops = [LoopVar(at) for at in range(5)]
    p, q, i, j, k = map(of, loops)

    def at(name: str, row: Poly, column: Poly, *, turned: bool = False) -> Poly:
        down, along = (column, row) if turned else (row, column)
        lead = sizes["lead" if name == "result" else f"{name}_lead"]
        begin = sizes[f"{name}_offset"] + p * sizes[f"{name}_outer"] + q * sizes[f"{name}_inner"]
        return begin + down * lead + along

    left = Element(Slot(0), at("left", i, k, turned=bool(transposed & 1)))
    right = Element(Slot(1), at("right", k, j, turned=bool(transposed & 2)))
    total, factor = Local(0), Local(1)
    step = Body((Node("load", (), left), Node("load", (), right), Node("mul", (0, 1))))
    scaled = Body((Node("local", (), factor), Node("local", (), total), Node("mul", (0, 1))))
    made: tuple[KernelItem, ...] = (
        Start(total, "sum", equation=0),
        Loop(loops[4], sizes["size_k"], (Fold(total, "sum", step, equation=0),)),
        Store(Slot(2), (at("result", i, j),), scaled, equation=0),
    )
    for loop, name in zip(loops[3::-1], ("size_j", "size_i", "inner_batch", "batch"), strict=True):
        made = (Loop(loop, sizes[name], made),)
    return made


def module(dtype: str) -> str:
    """Return the source of the module with the products of a type of reals."""
    arguments = [*(str(Slot(at)) for at in range(3)), *(str(Param(at)) for at in range(len(SIZES)))]
    arguments.append(str(Local(1)))
    names = dict(zip(arguments, (*ARRAYS, *SIZES, "factor"), strict=True))
    names |= {str(LoopVar(at)): name for at, name in enumerate("pqijk")} | {str(Local(0)): "total"}
    kernels, tables = [], {}
    for transposed, ending in enumerate(TRANSPOSED):
        nest = items(transposed)
        made = matrix_product(work(nest))
        assert made is not None
        stated = {0: Stated(_STATED)}
        for suffix, nodes in in_tiles(made, ALL_TILINGS, nest, CUDA, Names(), stated).items():
            name = f"multiply{ending}{suffix}"
            tables[name] = names
            given = ", ".join((*arguments, *CUDA.further.get(suffix, ())))
            kernels.append(KernelText(name, given, "", (), nodes, name))
    text = template(CUDA.template).render(dtype=dtype, kernels=kernels, functions=())
    return inspect_source(put_in(text.rstrip() + "\n", tables), CUDA)
