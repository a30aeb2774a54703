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
from symdl.express.ordering import order
from symdl.express.portable.graphs import Data, Graph, closure, equation_data, equation_of, read, written
from symdl.express.portable.rows import Rows, expressions
from symdl.express.program import Fact, Program
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
    """Describe a program, whose equations may be others than those by which its tensors were defined."""
    tensors = [*program.inputs, *(e.lhs for e in program.equations), *program.outputs]
    tensors += [t for e in program.equations for t in e.reads()]
    tensors += [s for e in program.equations if (s := e.origin.subject) is not None]
    tensors += [t for pair in program.updates for t in pair]
    tensors += [t for fact in program.facts for t in (fact.tensor, fact.right) if t is not None]
    graph, numbers = written(tensors)
    rows = Rows(numbers.__getitem__)
    data: Data = {
        "equations": [(numbers[e.lhs], equation_data(e, rows, numbers)) for e in program.equations],
        "rows": rows.rows,
        "inputs": [numbers[t] for t in program.inputs],
        "outputs": [numbers[t] for t in program.outputs],
        "updates": [[numbers[old], numbers[new]] for old, new in program.updates],
        "facts": [
            [numbers[f.tensor], f.axis, f.kind, None if f.right is None else numbers[f.right]]
            for f in program.facts
        ],
    }
    return _program, (graph.data, graph.arrays, graph.inits, data)


def _program(data: Data, arrays: Any, inits: Any, own: Data) -> Program:
    tensors = read(Graph(data, arrays, inits))
    terms = expressions(own["rows"], tensors)
    equations = tuple(equation_of(tensors[lhs], row, terms, tensors) for lhs, row in own["equations"])
    table = {e.lhs: e for e in equations}
    outputs = tuple(tensors[each] for each in own["outputs"])
    updates = tuple((tensors[old], tensors[new]) for old, new in own["updates"])
    return Program(
        tuple(tensors[each] for each in own["inputs"]),
        equations,
        outputs,
        tuple(
            Fact(tensors[t], axis, kind, None if right is None else tensors[right])
            for t, axis, kind, right in own["facts"]
        ),
        updates,
        order((*outputs, *(new for _, new in updates)), table.get).recurrences,
    )


def _of_access(access: Access) -> Reduced:
    return Access, (access.tensor, *access.indices)


copyreg.pickle(Tensor, _of_tensor)
copyreg.pickle(Program, _of_program)
copyreg.pickle(Access, _of_access)
