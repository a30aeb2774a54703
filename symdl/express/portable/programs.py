"""Programs as plain data.

Enters: a program, whose equations may be others than those by which its tensors were defined. Leaves: its
tensors as a `Graph`, its equations and what else it has as JSON holds them; and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from symdl.errors import DataError, SymdlError
from symdl.express.ordering import order
from symdl.express.portable.graphs import Data, Graph, equation_data, equation_of, read, written
from symdl.express.portable.rows import Rows, expressions
from symdl.express.program import Fact, Program
from symdl.express.tensors import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class ProgramData:
    """A program as data.

    Attributes:
        graph: its tensors.
        data: its equations, inputs, outputs, updates and facts, by the tensors' numbers.
    """

    graph: Graph
    data: Data


def written_program(
    program: Program, given: Iterable[Tensor] = (), others: Iterable[Tensor] = ()
) -> tuple[ProgramData, dict[Tensor, int]]:
    """Return a program as data, and the number of each tensor.

    Args:
        program: the program.
        given: tensors that whoever reads it has already; they get the first numbers.
        others: more tensors that shall have a number.

    Raises:
        ExpressionError: an equation holds what has no form as data.
    """
    tensors = [*program.inputs, *(e.lhs for e in program.equations), *program.outputs, *others]
    tensors += [t for e in program.equations for t in e.reads()]
    tensors += [s for e in program.equations if (s := e.origin.subject) is not None]
    tensors += [t for pair in program.updates for t in pair]
    tensors += [t for fact in program.facts for t in (fact.tensor, fact.right) if t is not None]
    graph, numbers = written(tensors, given)
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
    return ProgramData(graph, data), numbers


def read_program(written: ProgramData, given: Sequence[Tensor] = ()) -> tuple[Program, list[Tensor]]:
    """Return the program that data describe, and its tensors by number.

    Raises:
        DataError: the data are damaged, or of a later format.
    """
    own = written.data
    tensors = read(written.graph, given)
    try:
        terms = expressions(own["rows"], tensors)
        equations = tuple(equation_of(tensors[lhs], row, terms, tensors) for lhs, row in own["equations"])
        table = {e.lhs: e for e in equations}
        outputs = tuple(tensors[each] for each in own["outputs"])
        updates = tuple((tensors[old], tensors[new]) for old, new in own["updates"])
        program = Program(
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
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, SymdlError):
            raise
        raise DataError(f"the program is damaged: {type(error).__name__}: {error}") from error
    return program, tensors
