"""Tensors as plain data.

Enters: tensors. Leaves: `Graph`, the tensors and all that they are computed from, derived from or stand for:
their names, shapes and equations as JSON has them, with the arrays of constants and the functions of first
values beside. And back: new tensors, created in the old order, on which the order of terms rests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import sympy as sp

from symdl.errors import DataError, SymdlError
from symdl.express.dims import Extent, Index
from symdl.express.equations import Divisible, Equal, Equation, Guard, InRange, Op, Origin, Reduction
from symdl.express.modes import Modes
from symdl.express.portable.rows import Row, Rows, expressions
from symdl.express.properties import Property
from symdl.express.tensors import DType, Role, Tensor

Data = dict[str, Any]
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Tensors as data.

    Attributes:
        data: what they are, as JSON has it.
        arrays: the values of constants, by the tensor's number.
        inits: the functions of first values, by the tensor's number.
    """

    data: Data
    arrays: Mapping[int, Any] = field(default_factory=dict)
    inits: Mapping[int, Callable[..., Any]] = field(default_factory=dict)


def written(tensors: Iterable[Tensor], given: Iterable[Tensor] = ()) -> tuple[Graph, dict[Tensor, int]]:
    """Return tensors and all that they depend on as data, and the number of each.

    Args:
        tensors: the tensors.
        given: those that whoever reads the graph has already; they get the first numbers.

    Raises:
        ExpressionError: an equation holds what has no form as data.
    """
    first = list(dict.fromkeys(given))
    others = sorted(closure(tensors, first), key=lambda t: t.serial)
    numbers = {tensor: place for place, tensor in enumerate((*first, *others))}
    rows = Rows(numbers.__getitem__)
    shapes = [([_size(s, rows) for s in t.shape], _size_or_none(t.below, rows)) for t in others]
    count = len(rows.rows)  # the sizes, which no tensor stands in
    described = [_described(t, s, b, rows, numbers) for t, (s, b) in zip(others, shapes, strict=True)]
    data: Data = {
        "format": FORMAT,
        "given": len(first),
        "sizes": count,
        "rows": rows.rows,
        "tensors": described,
    }
    arrays = {numbers[t]: t.value for t in others if t.value is not None}
    inits = {numbers[t]: t.init for t in others if t.init is not None}
    return Graph(data, arrays, inits), numbers


def read(graph: Graph, given: Sequence[Tensor] = ()) -> list[Tensor]:
    """Return the tensors of a graph, by number.

    Raises:
        DataError: the data are damaged, or of a later format.
    """
    data = graph.data
    try:
        if data["format"] != FORMAT:
            raise DataError(
                f"the equations are written in format {data['format']!r}, which this version cannot read",
                cure="use the version of symdl that wrote them, or a later one",
            )
        if data["given"] != len(given):
            raise DataError("the equations were written for other tensors")
        rows: list[Row] = data["rows"]
        sizes = expressions(rows[: data["sizes"]])
        tensors = list(given)
        for row in data["tensors"]:
            tensors.append(_tensor(row, len(tensors), sizes, graph))
        terms = expressions(rows, tensors)
        for row, tensor in zip(data["tensors"], tensors[len(given) :], strict=True):
            _complete(tensor, row, terms, tensors)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, SymdlError):
            raise
        raise DataError(f"the equations are damaged: {type(error).__name__}: {error}") from error
    return tensors


def closure(tensors: Iterable[Tensor], known: Iterable[Tensor] = ()) -> list[Tensor]:
    """Return tensors and all that they refer to, but for those that are known."""
    found = dict.fromkeys(known)
    start = len(found)
    todo = list(tensors)
    while todo:
        tensor = todo.pop()
        if tensor in found:
            continue
        found[tensor] = None
        todo += _beside(tensor)
    return list(found)[start:]


def _beside(tensor: Tensor) -> list[Tensor]:
    """Return the tensors that one refers to."""
    found = list(tensor.sources)
    if tensor.of is not None:
        found.append(tensor.of)
    if tensor.modes is not None:
        found += [tensor.modes.inference, *(t for pair in tensor.modes.updates for t in pair)]
    if tensor.equation is not None:
        found += tensor.equation.reads()
        subject = tensor.equation.origin.subject
        found += [] if subject is None else [subject]
    return found


def _size(size: Extent, rows: Rows) -> int | list[int]:
    """Return a size: a number, or the row of its expression in brackets."""
    return size if isinstance(size, int) else [rows.add(size)]


def _size_or_none(size: Extent | None, rows: Rows) -> int | list[int] | None:
    return None if size is None else _size(size, rows)


def _described(
    tensor: Tensor,
    shape: list[int | list[int]],
    below: int | list[int] | None,
    rows: Rows,
    numbers: Mapping[Tensor, int],
) -> Data:
    modes, equation = tensor.modes, tensor.equation
    found: Data = {
        "name": tensor.name,
        "shape": shape,
        "dtype": tensor.dtype,
        "role": tensor.role,
        "below": below,
        "of": None if tensor.of is None else numbers[tensor.of],
        "properties": sorted(tensor.properties),
        "segment": tensor.segment,
        "sources": [numbers[t] for t in tensor.sources],
        "modes": modes
        and {
            "updates": [[numbers[old], numbers[new]] for old, new in modes.updates],
            "inference": numbers[modes.inference],
        },
        "equation": equation and equation_data(equation, rows, numbers),
    }
    return {key: value for key, value in found.items() if value not in (None, [])} | {"shape": shape}


def equation_data(equation: Equation, rows: Rows, numbers: Mapping[Tensor, int]) -> Data:
    """Return an equation as data, but for its left-hand side."""
    reduction, origin = equation.reduction, equation.origin
    found: Data = {
        "indices": [index.name for index in equation.indices],
        "body": rows.add(equation.body),
        "op": reduction and reduction.op,
        "axes": [[i.name, _size(s, rows)] for i, s in (reduction.axes if reduction else ())],
        "guards": [_guard_data(guard, rows) for guard in equation.guards],
        "origin": [origin.rule, origin.detail],
        "subject": None if origin.subject is None else numbers[origin.subject],
    }
    return {key: value for key, value in found.items() if value not in (None, [])} | {
        "indices": found["indices"]
    }


def _guard_data(guard: Guard, rows: Rows) -> list[Any]:
    if isinstance(guard, InRange):
        return ["in range", rows.add(guard.expr), _size(guard.extent, rows)]
    if isinstance(guard, Divisible):
        return ["divisible", rows.add(guard.expr), int(guard.by)]
    return ["equal", rows.add(guard.left), rows.add(guard.right)]


def _one_of(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        raise ValueError(f"{value!r} is none of {', '.join(map(str, get_args(kind)))}")
    return value


def _extent(size: Any, terms: Sequence[sp.Basic]) -> Any:
    return terms[size[0]] if isinstance(size, list) else size


def _tensor(row: Data, number: int, sizes: Sequence[sp.Basic], graph: Graph) -> Tensor:
    """Return a tensor that knows no other yet."""
    below = row.get("below")
    tensor = Tensor(
        row.get("name"),
        [_extent(size, sizes) for size in row["shape"]],
        dtype=_one_of(row["dtype"], DType),
        role=_one_of(row["role"], Role),
        below=None if below is None else _extent(below, sizes),
        init=graph.inits.get(number),
        properties=frozenset(_one_of(each, Property) for each in row.get("properties", ())),
    )
    tensor.segment = row.get("segment")
    tensor.value = graph.arrays.get(number)
    return tensor


def _complete(tensor: Tensor, row: Data, terms: Sequence[sp.Basic], tensors: Sequence[Tensor]) -> None:
    """Let a tensor know the others."""
    tensor.of = None if "of" not in row else tensors[row["of"]]
    tensor.sources = tuple(tensors[each] for each in row.get("sources", ()))
    if "modes" in row:
        pairs = tuple((tensors[old], tensors[new]) for old, new in row["modes"]["updates"])
        tensor.modes = Modes(pairs, tensors[row["modes"]["inference"]])
    if "equation" in row:
        tensor.attach(equation_of(tensor, row["equation"], terms, tensors))


def equation_of(lhs: Tensor, row: Data, terms: Sequence[Any], tensors: Sequence[Tensor]) -> Equation:
    """Return the equation that data describe."""
    axes = tuple((Index(name), _extent(size, terms)) for name, size in row.get("axes", ()))
    rule, detail = row["origin"]
    return Equation(
        lhs,
        tuple(map(Index, row["indices"])),
        terms[row["body"]],
        Reduction(_one_of(row["op"], Op), axes) if "op" in row else None,
        tuple(_guard(guard, terms) for guard in row.get("guards", ())),
        Origin(rule, tensors[row["subject"]] if "subject" in row else None, detail),
    )


def _guard(row: Any, terms: Sequence[Any]) -> Guard:
    kind, first, second = row
    if kind == "in range":
        return InRange(terms[first], _extent(second, terms))
    return Divisible(terms[first], int(second)) if kind == "divisible" else Equal(terms[first], terms[second])
