"""What Python's `pickle` asks of tensors and programs; `copy` leaves both as they are, for they never change.

Enters: a tensor or a program. Leaves: what it can be made of again: its graph as data, and of a tensor those
that are given and not computed. They are pickled one by one, so that two outputs that are pickled together
still share their inputs and parameters; what is computed on the way is each output's own afterwards. A
program is pickled whole, so that its terms keep their order.
"""

from __future__ import annotations

import copyreg
from typing import Any

from symdl.express.dims import Extent
from symdl.express.portable.graphs import Data, Graph, closure, read, written
from symdl.express.portable.programs import ProgramData, read_program, written_program
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor

Reduced = tuple[Any, tuple[Any, ...]]


def _is_given(tensor: Tensor) -> bool:
    """Say whether a tensor refers to no other."""
    return tensor.equation is None and tensor.of is None and tensor.modes is None and not tensor.sources


def _of_tensor(tensor: Tensor) -> Reduced:
    if _is_given(tensor):
        options = {"dtype": tensor.dtype, "role": tensor.role, "init": tensor.init, "below": tensor.below}
        options |= {"properties": tensor.properties}
        return _given, (tensor.name, tensor.shape, options, tensor.segment, tensor.value)
    # What is given comes first then, so that terms may stand in another order than before.
    given = tuple(sorted(filter(_is_given, closure([tensor])), key=lambda t: t.serial))
    graph, numbers = written([tensor], given)
    return _member, (graph.data, graph.arrays, graph.inits, given, numbers[tensor])


def _given(
    name: str | None, shape: tuple[Extent, ...], options: dict[str, Any], segment: int | None, value: Any
) -> Tensor:
    tensor = Tensor(name, shape, **options)
    tensor.segment, tensor.value = segment, value
    return tensor


def _member(data: Data, arrays: Any, inits: Any, given: tuple[Tensor, ...], number: int) -> Tensor:
    return read(Graph(data, arrays, inits), given)[number]


def _of_program(program: Program) -> Reduced:
    made, _ = written_program(program)
    return _program, (made.graph.data, made.graph.arrays, made.graph.inits, made.data)


def _program(data: Data, arrays: Any, inits: Any, own: Data) -> Program:
    return read_program(ProgramData(Graph(data, arrays, inits), own))[0]


def _of_access(access: Access) -> Reduced:
    return Access, (access.tensor, *access.indices)


copyreg.pickle(Tensor, _of_tensor)
copyreg.pickle(Program, _of_program)
copyreg.pickle(Access, _of_access)
