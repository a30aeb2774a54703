"""What lowering leaves, as plain data.

Enters: `Lowered`, or any other value of this stage. Leaves: rows as JSON has them, one a distinct value,
after the values that it holds: a kind and the numbers of their rows, or what a number or a text is. And back:
only kinds that are listed here are ever made, so nothing that rows say is run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from symdl.errors import InternalError
from symdl.lower import kernels
from symdl.lower.equations.contractions import Contraction, Operand
from symdl.lower.equations.sorting import Sorting
from symdl.lower.ir import integers, loops, names, scalars
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import Buffer, Plan, Step
from symdl.lower.splits import Split, Touch

Row = list[Any]

_MODULES = (names, integers, scalars, loops, kernels)
_KINDS: Mapping[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(Lowered, Plan, Buffer, Step, Split, Touch, Contraction, Operand, Sorting),
        *(kind for module in _MODULES for kind in vars(module).values() if isinstance(kind, type)),
    )
    if dataclasses.is_dataclass(kind)
}
"""Every dataclass that `Lowered` can hold."""
_FIELDS = {kind: tuple(f.name for f in dataclasses.fields(kind)) for kind in _KINDS.values()}
_PLAIN = (str, int, bool, type(None))
"""What JSON holds as it is."""


def written(value: Any) -> list[Row]:
    """Return a value as rows; the last one is the value.

    Raises:
        InternalError: it holds something of a kind that is not listed.
    """
    writer = _Writer()
    writer.add(value)
    return writer.rows


def read(rows: Sequence[Row]) -> Any:
    """Return the value that `written` wrote: an equal one, in which equal parts are one object."""
    found: list[Any] = []
    for kind, *parts in rows:
        made = _KINDS.get(kind)
        if made is not None:
            found.append(made(*[found[at] for at in parts]))
        elif kind == "tuple":
            found.append(tuple([found[at] for at in parts]))
        elif kind == "plain":
            found.append(parts[0])
        else:
            found.append(_rarer(kind, parts, found))
    return found[-1]


class _Writer:
    """Writes rows, each distinct one once."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._known: dict[tuple[Any, ...], int] = {}
        self._seen: dict[int, int] = {}
        self._held: list[Any] = []  # so that no other object comes to lie where one did

    def add(self, value: Any) -> int:
        """Return the number of the row of a value."""
        found = self._seen.get(id(value))
        if found is None:
            row = self._row(value)
            found = self._known.get(row)
            if found is None:
                found = self._known[row] = len(self.rows)
                self.rows.append(list(row))
            self._seen[id(value)] = found
            self._held.append(value)
        return found

    def _row(self, value: Any) -> tuple[Any, ...]:
        """Return a row, so that rows are equal only if the values are: 1 and True are not."""
        kind = type(value)
        fields = _FIELDS.get(kind)
        if fields is not None:
            return kind.__name__, *[self.add(getattr(value, name)) for name in fields]
        if kind is tuple:
            return "tuple", *[self.add(each) for each in value]
        if kind in _PLAIN:
            return "plain", value, *([] if kind is not bool else [True])
        if kind is float:
            return "real", value.hex()
        if kind is Fraction:
            return "fraction", value.numerator, value.denominator
        if kind is frozenset:
            return "set", *sorted(self.add(each) for each in value)
        if isinstance(value, Mapping):
            return "table", *[self.add(part) for pair in value.items() for part in pair]
        raise InternalError(f"{kind.__name__} has no form as data in what lowering leaves")


def _rarer(kind: str, parts: Sequence[Any], found: Sequence[Any]) -> Any:
    match kind:
        case "real":
            return float.fromhex(parts[0])
        case "fraction":
            return Fraction(*parts)
        case "set":
            return frozenset(found[at] for at in parts)
        case "table":
            each = iter([found[at] for at in parts])
            return dict(zip(each, each, strict=True))
        case _:
            raise InternalError(f"{kind!r} is no kind of what lowering leaves")
